"""Large models of `keras.applications`: opened, dragged and measured, in what memory.

Each model and each yardstick has a process of its own:

    python -m workbench.bench.large (make | drive | keras) MODEL FOLDER

The weights are random and so are the pictures; neither changes what there is to do.
The session is that of the dashboard, on an event loop, with its defaults. A user does
not wait until everything is calibrated, so the drag begins with the first accuracy and
is measured meanwhile; once more when nothing else runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.bench.benchmark import Result, benchmarks
from workbench.bench.waiting import is_exact, lateness, seconds_of, until
from workbench.core.edit import set_knobs
from workbench.core.recipe import Recipe
from workbench.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.bench.benchmark import Say

MODELS = {"mobilenet": "MobileNetV2", "resnet": "ResNet50", "vgg": "VGG16"}
TRAIN, TEST = 32, 64
SIDE, CLASSES = 224, 1000
MOVES, MOVE_S = 20, 0.05


@benchmarks.add("large")
def large(say: Say) -> Iterator[Result]:
    """Measure each of the models, the smallest first."""
    for name in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            say(f"{name}: making")
            _run("make", name, folder)
            say(f"{name}: session")
            ours = _run("drive", name, folder)
            say(f"{name}: plain Keras")
            usual = _run("keras", name, folder, str(int(ours["rows"])))
            yield from _results(name, ours, usual)


def _results(
    name: str, ours: dict[str, float], usual: dict[str, float]
) -> Iterator[Result]:
    above = ours["peak"] - usual["peak"]
    allowed = 2.5 * usual["weights"] + ours["cache"]
    opened = ours["accuracy"] / (usual["load"] + usual["evaluate"])
    yield Result(f"{name}.first_chart", ours["chart"], 3, "s")
    yield Result(f"{name}.first_accuracy", opened, 2, "loading and evaluating")
    for key, most in (("exact", 1), ("meanwhile", 2)):
        times = ours[key] / usual["evaluate"]
        yield Result(f"{name}.{key}", times, most, "evaluations")
    yield Result(f"{name}.late_p99", 1000 * ours["late_p99"], 10, "ms")
    yield Result(f"{name}.late_most", 1000 * ours["late_most"], 500, "ms")
    yield Result(
        f"{name}.memory", above / allowed, 1, "of 2.5x the weights and the chosen cache"
    )


def _run(what: str, name: str, folder: str, *more: str) -> dict[str, float]:
    """What a process of its own found."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, what, name, folder, *more],
        env=os.environ | {"WORKBENCH_HOME": folder},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _make(name: str, folder: Path) -> dict[str, float]:
    """Write a model with random weights, and random pictures."""
    import keras

    keras.utils.set_random_seed(0)
    getattr(keras.applications, MODELS[name])(weights=None).save(_model(folder))
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for which, count in (("train", TRAIN), ("test", TEST)):
        pictures = rng.random((count, SIDE, SIDE, 3), np.float32)
        arrays[f"x_{which}"] = 2 * pictures - 1
        arrays[f"y_{which}"] = rng.integers(0, CLASSES, count)
    np.savez(_data(folder), **arrays)
    return {}


def _keras(folder: Path, rows: int) -> dict[str, float]:
    """One forward pass, and the time that plain Keras takes to know the accuracy."""
    import keras

    with np.load(_data(folder)) as arrays:
        # The session holds the training samples too.
        held = dict(arrays)
    x, y = held["x_test"], held["y_test"]
    began = time.perf_counter()
    model: Any = keras.saving.load_model(_model(folder))
    load = time.perf_counter() - began
    model.predict_on_batch(x[:rows])
    peak = _peak()
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    began = time.perf_counter()
    model.evaluate(x, y, verbose=0)
    return {
        "peak": peak,
        "load": load,
        "evaluate": time.perf_counter() - began,
        "weights": 4 * model.count_params(),
    }


async def _drive(folder: Path) -> dict[str, float]:
    """Open, drag as soon as there is an accuracy, wait for the exact one."""
    import workbench.engine  # noqa: F401  # loading TensorFlow is no part of it

    late: list[float] = []
    watch = asyncio.ensure_future(lateness(late))
    began = time.perf_counter()
    session = Session(_model(folder), _data(folder))
    try:
        await until(session, lambda: session.before is not None)
        chart = time.perf_counter() - began
        await until(session, lambda: session.original is not None)
        accuracy = time.perf_counter() - began
        for move in range(MOVES):
            session.edit(_recipe(0.3 + 0.02 * move), "drag")
            await asyncio.sleep(MOVE_S)
        meanwhile = await seconds_of(session, _recipe(0.8))
        await until(session, lambda: not session.is_opening)
        await until(session, lambda: is_exact(session))
        alone = await seconds_of(session, _recipe(0.81))
        watch.cancel()
        evaluator = session.evaluator
        return {
            "chart": chart,
            "accuracy": accuracy,
            "meanwhile": meanwhile[-1][0],
            "exact": alone[-1][0],
            "late_p99": float(np.percentile(late, 99)),
            "late_most": max(late),
            "rows": evaluator.rows,
            "cache": evaluator.cache_bytes,
            "peak": _peak(),
        }
    finally:
        session.close()


def _recipe(sparsity: float) -> Recipe:
    pruned = set_knobs(Recipe(), "magnitude", "*", sparsity=sparsity)
    return set_knobs(pruned, "uniform", "*", bits=8)


def _peak() -> int:
    """Most memory that this process ever had, in bytes."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM"):
            return 1024 * int(line.split()[1])
    raise RuntimeError("The system does not tell a process its peak of memory.")


def _model(folder: Path) -> Path:
    return folder / "model.keras"


def _data(folder: Path) -> Path:
    return folder / "data.npz"


def _main() -> None:
    """What a process of its own does."""
    what, name, folder, *more = sys.argv[1:]
    if what == "make":
        found = _make(name, Path(folder))
    elif what == "drive":
        found = asyncio.run(_drive(Path(folder)))
    else:
        found = _keras(Path(folder), int(more[0]))
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    _main()
