"""What a browser does under a moving hand, with a model of fifty layers.

Headless Chromium shows the dashboard as `workbench dashboard` serves it. It is driven
by playwright, which only developers of the workbench have.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from workbench.bench.benchmark import Result, benchmarks
from workbench.bench.far_away import relayed
from workbench.bench.pages import free_port, launch, serving
from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from workbench.bench.benchmark import Say
    from workbench.bench.pages import Server

LAYERS, WIDTH, CLASSES, SAMPLES = 50, 200, 10, 512
MOVES, DRAG_S, DELAY_S = 120, 2.0, 0.15
SELECTED = 12
LONGEST_MS = 120_000
# Sixty a second, but for one in twenty.
FRAMES_A_SECOND = 57
LONG_GAP_MS = 25
LOG = Path(__file__).with_name("page_log.js")

# The first chart with something in it; a score takes longer.
_HISTOGRAM = ".wb-halves .wb-figure[data-drawn]"
_EXACT = "text={0} of {0} test samples"
_SETTLED = (
    "() => document.querySelector('.wb-weights')?.dataset.approximate === 'false'"
)


@benchmarks.add("browser")
def browser(say: Say) -> Iterator[Result]:
    """Open the page, drag, select layers, and drag again from far away.

    Args:
        say: Hears what is being done.

    Raises:
        UserError: If playwright or its browser is missing.
    """
    with tempfile.TemporaryDirectory() as name, _page() as page:
        folder = Path(name)
        say("making a model")
        model, data = _deep_model(folder)
        call = (
            f"dashboard(Path({str(model)!r}), Path({str(data)!r}), "
            f"port={free_port()}, environment={{'WORKBENCH_HOME': {name!r}}})"
        )
        with serving(call, folder / "server.log") as server:
            say("opening")
            yield from _opened(page, server)
            say("dragging")
            yield from _dragged(page)
            say("selecting")
            yield from _selected(page)
            say("dragging from far away")
            yield from _far_away(page, server.address)


@contextmanager
def _page() -> Iterator[Page]:
    """A page of a headless browser."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise UserError("bench.no_playwright") from error
    with sync_playwright() as playwright:
        try:
            opened = launch(playwright)
        except Error as error:
            reason = error.message.partition("\n")[0]
            raise UserError("bench.no_browser", reason=reason) from error
        page = opened.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(LONGEST_MS)
        page.add_init_script(LOG.read_text("utf-8"))
        yield page
        opened.close()


def _opened(page: Page, server: Server) -> Iterator[Result]:
    """Seconds from a kernel's start to the first chart, and bytes until all is there.

    Before, Voilà takes the request and starts a kernel for it, which is said beside.
    """
    received: list[int] = []

    def hear(socket: Any) -> None:
        socket.on("framereceived", lambda frame: received.append(len(frame)))

    page.on("websocket", hear)
    asked = time.time()
    page.goto(server.address)
    page.wait_for_selector(_HISTOGRAM)
    drawn, started = time.time(), _kernel_start(server.process.pid)
    yield Result("kernel_to_first_chart", drawn - started, 3, "s")
    yield Result("page_to_kernel", started - asked, 2, "s")
    _wait_until_exact(page)
    page.remove_listener("websocket", hear)
    yield Result("websocket_bytes", sum(received) / 1e6, 6, "MB")


def _kernel_start(server: int) -> float:
    """When the kernel of the page was started, in seconds since the epoch.

    The system counts from when it was started itself, which it knows to a second: a
    process that is started now tells how far it is off.
    """
    psutil = import_module("psutil")  # the kernels have it
    now = time.time()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        off = psutil.Process(process.pid).create_time() - now
    processes = psutil.Process(server).children(recursive=True)
    kernels = [p for p in processes if "ipykernel_launcher" in " ".join(p.cmdline())]
    return max(kernel.create_time() for kernel in kernels) - off


def _wait_until_exact(page: Page) -> None:
    page.wait_for_function(_SETTLED)
    page.wait_for_selector(_EXACT.format(SAMPLES))
    page.wait_for_selector(".wb-verdict:not(.wb-stale)")


def _dragged(page: Page) -> Iterator[Result]:
    """From the handler to the end of the drawing of the canvas."""
    page.evaluate("__logCleared()")
    drag(page)
    moves = page.evaluate("__log.moves")
    took = [move["milliseconds"] for move in moves]
    late = [move for move in moves if move["frames"] > 1]
    yield Result("moves_drawn", len(moves), MOVES / 2, "moves", is_limit=False)
    yield Result("handler_to_canvas_p90", _p90(took), 8, "ms")
    yield Result("not_in_next_frame", len(late) / len(moves), 0.1, "of 1")


def _selected(page: Page) -> Iterator[Result]:
    """Drawing the histogram of a tensor that was selected."""
    label = page.locator(".wb-halves .wb-figure-plot").first.get_attribute("aria-label")
    page.evaluate("__logCleared()")
    boxes = page.locator(".wb-table input")
    for at in range(SELECTED):
        boxes.nth(at).check()
        page.wait_for_function(
            "([label, n]) => __log.charts.filter((c) => c.label === label).length >= n",
            arg=[label, at + 1],
        )
        boxes.nth(at).uncheck()
        page.wait_for_timeout(200)
        page.wait_for_function(_SETTLED)
    charts = page.evaluate("__log.charts")
    took = [chart["milliseconds"] for chart in charts if chart["label"] == label]
    yield Result("selected_tensor_in_plotly_p90", _p90(took), 50, "ms")


def _far_away(page: Page, address: str) -> Iterator[Result]:
    """Frames of a drag while everything comes late, and how late the answer is."""
    with relayed(urlsplit(address).port or 80) as relay:
        page.goto(address.replace(str(urlsplit(address).port), str(relay.port)))
        page.wait_for_selector(".wb-weights[data-milliseconds]")
        _wait_until_exact(page)
        relay.delay_s = DELAY_S
        page.evaluate("__logCleared()")
        drag(page)
        began = time.perf_counter()
        frames = page.evaluate("__log.frames")
        page.wait_for_function(_SETTLED)
        answered = time.perf_counter() - began
        # Or the page waits for its end.
        relay.delay_s = 0.0
        page.goto("about:blank")
    gaps = np.diff(frames)
    yield Result(
        "far_frames", 1000 / float(np.mean(gaps)), FRAMES_A_SECOND, "a second",
        is_limit=False,
    )  # fmt: skip
    yield Result("far_frame_gap_median", median(gaps), 1000 / FRAMES_A_SECOND, "ms")
    long = float(np.mean(gaps > LONG_GAP_MS))
    yield Result("far_long_gaps", long, 0.05, "of 1")
    yield Result("far_answer", answered, 2, "s")


def drag(page: Page) -> None:
    """Take the sparsity's slider to nine tenths, as fast as a hand does."""
    slider = page.locator(".wb-controls .wb-slider").first
    track = slider.locator(".noUi-base").bounding_box()
    handle = slider.locator(".noUi-handle").bounding_box()
    assert track is not None, "The slider is on the screen."
    assert handle is not None, "So is its handle."
    start = handle["x"] + handle["width"] / 2
    end = track["x"] + 0.9 * track["width"]
    height = handle["y"] + handle["height"] / 2
    page.mouse.move(start, height)
    page.mouse.down()
    began = time.perf_counter()
    for move in range(1, MOVES + 1):
        page.mouse.move(start + (end - start) * move / MOVES, height)
        wait = began + DRAG_S * move / MOVES - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
    page.mouse.up()


def _p90(values: list[float]) -> float:
    return quantiles(values, n=10)[-1]


def _deep_model(folder: Path) -> tuple[Path, Path]:
    """Files of a perceptron of many layers, and of random data."""
    # First, as it keeps TensorFlow quiet.
    import_module("workbench.engine")
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    dense = [
        layers.Dense(WIDTH, activation="relu", name=f"layer_{at}")
        for at in range(1, LAYERS)
    ]
    model: Any = keras.Sequential(
        [
            keras.Input((WIDTH,)),
            *dense,
            layers.Dense(CLASSES, activation="softmax", name=f"layer_{LAYERS}"),
        ],
        name="deep",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.save(folder / "deep.keras")
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "test"):
        arrays[f"x_{split}"] = rng.normal(size=(SAMPLES, WIDTH)).astype(np.float32)
        arrays[f"y_{split}"] = rng.integers(CLASSES, size=SAMPLES)
    np.savez(folder / "data.npz", **arrays)
    return folder / "deep.keras", folder / "data.npz"
