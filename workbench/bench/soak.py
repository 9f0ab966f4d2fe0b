"""Whether the workbench can be used for hours: memory, threads, swallowed exceptions.

A seeded hand uses a dashboard at random, as nobody would for so long. Before, it tries
everything once: what is compiled, traced or loaded at its first use takes memory once,
and a use at random may come to it late. The memory is that of the process, on the
median over a stretch of time; the first third warms up. The activations that the
evaluator keeps are left out, as they may fill up to their own limit; they are said
beside.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import tempfile
import threading
import time
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.bench.benchmark import Result, benchmarks
from workbench.bench.faults import Faults
from workbench.bench.hand import Hand
from workbench.bench.waiting import is_exact, until
from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.app import Dashboard
    from workbench.bench.benchmark import Say
    from workbench.session import Session

SECONDS = 1800.0
PAUSE_S = 0.1
# Somebody who does nothing finds nothing out.
LEAST_ACTS_PER_S = 0.2
SEED = 0
SIDE, CLASSES, TRAIN, TEST = 12, 4, 2048, 512
HOME = "WORKBENCH_HOME"
_STATUS = Path("/proc/self/status")
_log = logging.getLogger(__name__)


@benchmarks.add("soak")
def soak(say: Say, seconds: float = SECONDS) -> Iterator[Result]:
    """Use a dashboard for a while, then close it.

    Args:
        say: Hears what is being done.
        seconds: How long.

    Raises:
        UserError: If the system does not say how much memory a process has.
    """
    if not _STATUS.is_file():
        raise UserError("bench.no_memory", path=_STATUS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say("training a model")
        files = _small_model(folder)
        with _home(folder):
            yield from asyncio.run(_soaked(*files, seconds, say))


async def _soaked(model: Path, data: Path, seconds: float, say: Say) -> list[Result]:
    """Results of one dashboard's life on this event loop."""
    from workbench import dashboard

    threads = set(threading.enumerate())
    with Faults() as faults:
        view = dashboard(model, data)
        faults.watch(view.session)
        try:
            acts, memory = await _used(view, seconds, say)
            # No name for the evaluator: it would outlive what it belongs to.
            kept = view.session.evaluator.cached_bytes
            most = view.session.evaluator.cache_bytes
        finally:
            view.close()
        del view
        # What closing leaves to the loop, and then to finalizers.
        for _ in range(2):
            await asyncio.sleep(0.5)
            gc.collect()
    left = {thread for thread in threading.enumerate() if thread not in threads}
    for line in (*faults.said, *(f"thread left: {thread.name}" for thread in left)):
        _log.error(line)
    return [
        Result("acts", acts, LEAST_ACTS_PER_S * seconds, "acts", is_limit=False),
        Result("memory_growth", 100 * growth(memory), 5, "%"),
        Result("activations_kept", kept / 1e6, most / 1e6, "MB"),
        Result("threads_left", len(left), 0, "threads"),
        Result("exceptions_swallowed", len(faults.said), 0, "exceptions"),
    ]


async def _used(
    view: Dashboard, seconds: float, say: Say
) -> tuple[int, list[tuple[float, int]]]:
    """How often something was done, and the memory then: seconds and bytes.

    The bytes are without those of kept activations.
    """
    session = view.session
    await until(session, lambda: session.is_calibrated and not session.is_opening)
    await until(session, lambda: is_exact(session))
    hand = Hand(view, np.random.default_rng(SEED))
    say("trying everything once")
    await hand.try_all(lambda: _at_rest(session))
    acts, memory = 0, []
    began = time.perf_counter()
    while (now := time.perf_counter() - began) < seconds:
        say(f"{now:.0f} of {seconds:.0f} s, {resident_bytes() / 1e6:.0f} MB")
        await hand.act()
        await asyncio.sleep(PAUSE_S)
        acts += 1
        memory.append((now, resident_bytes() - session.evaluator.cached_bytes))
    session.cancel()
    return acts, memory


async def _at_rest(session: Session) -> None:
    """Wait until what was asked for is done, or was refused."""
    await asyncio.sleep(PAUSE_S)
    await until(session, lambda: session.status.is_error or _is_done(session))


def _is_done(session: Session) -> bool:
    if session.is_retraining or session.is_surveying or not is_exact(session):
        return False
    return session.before.recipe.plans == session.recipe.plans


def growth(memory: list[tuple[float, int]]) -> float:
    """How much the memory has grown after the warm-up, as a fraction.

    The first of three stretches of equal length warms up; the median over the third is
    set against that over the second, and taken as growth over both.

    Args:
        memory: Seconds and bytes, in order.
    """
    end = memory[-1][0]
    middle, last = (
        median(
            nbytes
            for at, nbytes in memory
            if part * end / 3 <= at <= (part + 1) * end / 3
        )
        for part in (1, 2)
    )
    return 2 * (last / middle - 1)


def resident_bytes() -> int:
    """Memory of this process that is really there."""
    lines = _STATUS.read_text("ascii").splitlines()
    [line] = [line for line in lines if line.startswith("VmRSS:")]
    return 1024 * int(line.split()[1])


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    """Let sessions be kept in a folder of their own."""
    earlier = os.environ.get(HOME)
    os.environ[HOME] = str(folder / "home")
    try:
        yield
    finally:
        del os.environ[HOME]
        if earlier is not None:
            os.environ[HOME] = earlier


def _small_model(folder: Path) -> tuple[Path, Path]:
    """Files of a trained convolutional net, and of blurred pictures of its classes."""
    # First, as it keeps TensorFlow quiet.
    import_module("workbench.engine")
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(SEED)
    rng = np.random.default_rng(SEED)
    labels = rng.integers(CLASSES, size=TRAIN + TEST)
    pictures = rng.normal(size=(CLASSES, SIDE, SIDE, 1))
    x = pictures[labels] + rng.normal(0, 3, (TRAIN + TEST, SIDE, SIDE, 1))
    x = x.astype(np.float32)
    model: Any = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.Flatten(),
            layers.Dense(24, activation="relu", name="dense_1"),
            layers.Dense(CLASSES, activation="softmax", name="dense_2"),
        ],
        name="small",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:TRAIN], labels[:TRAIN], batch_size=64, epochs=2, verbose=0)
    model.save(folder / "small.keras")
    np.savez(
        folder / "data.npz",
        x_train=x[:TRAIN],
        y_train=labels[:TRAIN],
        x_test=x[TRAIN:],
        y_test=labels[TRAIN:],
    )
    return folder / "small.keras", folder / "data.npz"
