"""The dashboard as a person uses it, in Voilà and in JupyterLab."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.support import open_notebook, write_notebook
from workbench import demo

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.support import Recorder
    from workbench.bench.pages import Server

SECONDS = 1000
MOST_BYTES = 6_000_000
EXACT = "text=10,000 of 10,000 test samples"
SCORE = re.compile(r"(\d+\.\d+)%")


def opened(page: Page, server: Server, **query: str) -> None:
    page.goto(server.url(demo="lenet", **query))
    page.wait_for_selector(EXACT, timeout=90 * SECONDS)


def slider(page: Page, label: str) -> Locator:
    """A slider of the left column, by its label."""
    rows = page.locator(".wb-controls .wb-slider")
    return rows.filter(has=page.get_by_text(label, exact=True))


def drag(page: Page, label: str, fraction: float) -> None:
    """Take a slider's handle to a fraction of its track, as a hand does."""
    track = slider(page, label).locator(".noUi-base").bounding_box()
    handle = slider(page, label).locator(".noUi-handle").bounding_box()
    assert track is not None
    assert handle is not None
    height = handle["y"] + handle["height"] / 2
    page.mouse.move(handle["x"] + handle["width"] / 2, height)
    page.mouse.down()
    target = track["x"] + fraction * track["width"]
    page.mouse.move(target, height, steps=20)
    page.mouse.up()


def scores(page: Page) -> list[float]:
    """The numbers written into the accuracy chart, in percent."""
    words = page.get_by_role("figure", name="Score of").locator(".textpoint text")
    found = [SCORE.search(text or "") for text in words.all_text_contents()]
    return [float(one.group(1)) for one in found if one]


def live_numbers(page: Page) -> str:
    return page.locator(".wb-weights-numbers").text_content() or ""


def settled(page: Page, words: str) -> None:
    """Wait until the exact numbers are there, and the verdict on all samples."""
    page.wait_for_function(
        "words => { const text = "
        "document.querySelector('.wb-weights-numbers').textContent;"
        "return text.includes(words) && text.includes('exact') }",
        arg=words,
    )
    page.wait_for_selector(".wb-verdict:not(.wb-stale)")
    page.wait_for_selector(EXACT)


def set_field(page: Page, label: str, value: str) -> None:
    field = page.locator(".wb-controls").get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")


def evaluated(model: Path) -> dict[str, object]:
    """What `workbench evaluate` says of a saved file."""
    data = demo.paths("lenet")[1]
    command = ["evaluate", str(model), "--data", str(data), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "workbench", *command],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_what_is_typed_beside_a_slider_is_a_percentage(
    page: Page, voila: Server
) -> None:
    opened(page, voila)
    readout = slider(page, "Sparsity").locator(".widget-readout")
    for typed, end, percent in (
        ("50", "Enter", "50.0%"),
        ("62.5 %", "Tab", "62.5%"),
        ("0.3", "Enter", "30.0%"),
        ("nothing", "Tab", "30.0%"),
    ):
        readout.click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(typed)
        page.keyboard.press(end)
        expect(readout).to_have_text(percent)
        settled(page, f"Sparsity {percent}")
    assert page.locator('[title="null"]').count() == 0


def test_from_a_slider_to_a_saved_file(
    page: Page, voila: Server, tmp_path: Path
) -> None:
    opened(page, voila)
    [original] = set(scores(page))
    drag(page, "Sparsity", 0.9)
    settled(page, "Sparsity")
    found = re.search(r"Sparsity (\d+\.\d)%", live_numbers(page))
    assert found is not None
    assert 80 < float(found.group(1)) < 98
    before = scores(page)[1]
    assert before < original
    page.get_by_role("button", name="Aggressive").click()
    settled(page, "Sparsity 80.0%")
    set_field(page, "Epochs", "1")
    page.get_by_role("button", name="Retrain", exact=True).click()
    page.wait_for_selector("text=after retraining >> nth=0", timeout=90 * SECONDS)
    page.wait_for_selector(".wb-verdict >> text=after retraining")
    page.wait_for_selector(EXACT)
    after = scores(page)[2]
    page.get_by_role("button", name="Save", exact=True).first.click()
    target = tmp_path / "result"
    page.get_by_label("Folder").fill(str(target))
    page.get_by_label("Folder").press("Tab")
    page.get_by_label(".tflite, integer weights (").uncheck()
    page.locator(".wb-group").get_by_role("button", name="Save", exact=True).click()
    page.wait_for_selector(f"text=Saved to {target}", timeout=90 * SECONDS)
    [file] = target.glob("*.keras")
    again = evaluated(file)
    assert round(100 * float(str(again["score"])), 2) == after
    assert (target / "recipe.yaml").is_file()


def test_a_retraining_is_cancelled_and_sliders_stay_alive(
    page: Page, voila: Server
) -> None:
    opened(page, voila)
    set_field(page, "Epochs", "500")
    page.get_by_role("button", name="Retrain", exact=True).click()
    page.wait_for_selector("text=of 500: loss", timeout=60 * SECONDS)
    drag(page, "Sparsity", 0.76)
    settled(page, "Sparsity 7")
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector("text=Done after", timeout=60 * SECONDS)
    # It is said before the weights are given back, and only then may another one begin.
    again = page.get_by_role("button", name="Retrain", exact=True)
    expect(again).to_be_enabled(timeout=60 * SECONDS)


def kernels(server: Server) -> list[int]:
    """Process numbers of a server's kernels."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rsplit(") ", 1)[1].split()[1]
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(parent) == server.process.pid and b"ipykernel" in command:
            found.append(int(folder.name))
    return found


def test_a_reload_after_a_killed_kernel_comes_back(page: Page, voila: Server) -> None:
    opened(page, voila)
    page.get_by_role("button", name="Balanced").click()
    settled(page, "Sparsity 70.0%")
    verdict = page.locator(".wb-verdict").text_content()
    assert "session=" in page.url
    for number in kernels(voila):
        os.kill(number, signal.SIGKILL)
    page.wait_for_selector("text=The connection to the workbench is lost")
    page.reload()
    page.wait_for_selector(EXACT, timeout=90 * SECONDS)
    page.wait_for_selector(".wb-verdict:not(.wb-stale)")
    assert page.locator(".wb-verdict").text_content() == verdict
    assert page.locator("#lost").is_hidden()
    page.get_by_role("button", name="Undo").click()
    page.wait_for_selector(".wb-verdict:not(.wb-stale) >> text=Nothing compressed")


def test_undo_rows_and_language(page: Page, voila: Server) -> None:
    opened(page, voila)
    page.get_by_label("Select dense_2/kernel").check()
    page.wait_for_selector("text=For the 1 selected tensors")
    page.get_by_role("button", name="Mild").click()
    settled(page, "Sparsity")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_selector(".wb-verdict:not(.wb-stale) >> text=Nothing compressed")
    page.get_by_role("button", name="Redo").click()
    page.locator(".wb-topbar select").last.select_option("中文")
    page.wait_for_selector("text=温和")
    page.wait_for_selector(".wb-verdict >> text=缩小到")
    assert "lang=zh" in page.url


def test_it_fits_every_width_and_stays_small(
    page: Page, voila: Server, recorder: Recorder
) -> None:
    opened(page, voila)
    for width in (420, 700, 1000, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert sum(recorder.received) < MOST_BYTES


def test_in_jupyterlab(page: Page, lab: Server) -> None:
    folder = lab.log.parent / "notebooks"
    write_notebook(
        folder / "mine.ipynb",
        "from workbench import dashboard",
        "dashboard('lenet')",
    )
    open_notebook(page, lab, "mine.ipynb")
    page.wait_for_selector(EXACT, timeout=90 * SECONDS)
    page.get_by_role("button", name="Aggressive").click()
    settled(page, "Sparsity 80.0%")
    assert len(scores(page)) == 2
