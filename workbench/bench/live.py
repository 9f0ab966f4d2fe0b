"""The live table: what the screen does while a hand moves, against plain Keras.

The session is that of the dashboard: its lanes, on an event loop, with its defaults.
Ratios are medians over settings; what a browser does is measured by its own tests.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import demo
from workbench.bench.arrays import arrays
from workbench.bench.baseline import Baseline, bench_model
from workbench.bench.benchmark import Result, benchmarks
from workbench.bench.plain_fit import Epoch, PlainFit
from workbench.bench.waiting import is_exact, lateness, seconds_of, until
from workbench.core.edit import set_knobs
from workbench.core.recipe import Recipe, Retraining
from workbench.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.bench.benchmark import Say
    from workbench.core.tensor import Site

REPEATS = 5
RETRAINED = Retraining(epochs=2)
RETRAININGS = 3
FIRST_CHANGE = (("first_interval", 1.5, 30), ("sharp_interval", 0.7, 8))
# How much sooner, for a change in the layer or in all of them.
CHANGES = {
    "last_dense": 60,
    "first_dense": 20,
    "last_convolution": 4,
    "first_layer": 1.5,
    "global": 1.5,
}


@benchmarks.add("live")
def live(say: Say) -> Iterator[Result]:
    """Measure weights alone, then both models."""
    say("weights")
    yield from arrays()
    path, data = demo.paths("cnn")
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "bench.keras"
        say("training a model")
        bench_model(data).save(own)
        for name, model in (("bench", own), ("demo", path)):
            say(name)
            yield from asyncio.run(_measured(name, model, data, say))


async def _measured(name: str, model: Path, data: Path, say: Say) -> list[Result]:
    """Everything about one model, in a session on this event loop."""
    session = Session(model, data, is_kept=False)
    try:
        await until(session, lambda: session.is_calibrated)
        await until(session, lambda: is_exact(session))
        baseline = Baseline(session.workload)
        results = []
        for change, site in _places(session.sites).items():
            say(f"{name}: {change}")
            results += await _turnaround(name, change, site, session, baseline)
        say(f"{name}: scan")
        results.append(await _scan(name, session, baseline))
        say(f"{name}: retraining")
        results += await _retraining(name, session)
    finally:
        session.close()
    return results


def _places(sites: tuple[Site, ...]) -> dict[str, str]:
    """The target of each kind of change."""
    dense = [site.path for site in sites if site.kind == "dense"]
    convolutions = [site.path for site in sites if site.kind in ("conv", "depthwise")]
    return dict(
        zip(
            CHANGES,
            (dense[-1], dense[0], convolutions[-1], sites[0].path, "*"),
            strict=True,
        )
    )


async def _turnaround(
    name: str, change: str, target: str, session: Session, baseline: Baseline
) -> list[Result]:
    """How much sooner the session knows than plain Keras, cold and warm."""
    first = await seconds_of(session, _recipe(target, 0.05))
    cold = baseline.run(_recipe(target, 0.05)) / first[-1][0]
    exact: list[float] = []
    sooner: dict[str, list[float]] = {key: [] for key, _, _ in FIRST_CHANGE}
    for step in range(REPEATS):
        recipe = _recipe(target, 0.1 + 0.02 * step)
        usual = baseline.run(recipe)
        seen = await seconds_of(session, recipe)
        exact.append(usual / seen[-1][0])
        for key, points, _ in FIRST_CHANGE:
            at = next(seconds for seconds, half in seen if half <= points)
            sooner[key].append(usual / at)
    prefix = f"{name}.{change}"
    goal = CHANGES[change]
    results = [
        Result(f"{prefix}.exact", median(exact), goal, "times sooner", is_limit=False),
        Result(f"{prefix}.exact_cold", cold, 1.0, "times sooner", is_limit=False),
    ]
    if change == "global":
        results += [
            Result(
                f"{prefix}.{key}",
                median(sooner[key]),
                goal,
                "times sooner",
                is_limit=False,
            )
            for key, _, goal in FIRST_CHANGE
        ]
    return results


async def _scan(name: str, session: Session, baseline: Baseline) -> Result:
    """Every kernel alone at several settings, exactly."""
    began = time.perf_counter()
    session.scan_each("sparsity")
    await until(session, lambda: not session.is_scanning)
    ours = time.perf_counter() - began
    usual = sum(baseline.run(recipe) for _, _, recipe in session.scan.recipes())
    return Result(
        f"{name}.sensitivity_scan", usual / ours, 3.5, "times sooner", is_limit=False
    )


async def _retraining(name: str, session: Session) -> list[Result]:
    """An epoch against one of plain ``fit``, and how late the event loop gets."""
    await seconds_of(session, _recipe("*", 0.8, bits=4))
    late = await _lateness(session)
    epoch = _epoch(session)
    ratios: dict[str, list[float]] = {"retraining": [], "retraining_same_kernels": []}
    with (
        PlainFit(session.workload, epoch) as plain,
        PlainFit(session.workload, epoch, is_tuned=True) as tuned,
    ):
        for _ in range(RETRAININGS):
            ours = await _epoch_seconds(session)
            for fit, of in zip((plain, tuned), ratios.values(), strict=True):
                of.append(fit.seconds() / ours)
    goals = zip(ratios.items(), (1.4, 1.0), strict=True)
    return [
        *(
            Result(f"{name}.{key}", median(found), goal, "times faster", is_limit=False)
            for (key, found), goal in goals
        ),
        Result(
            f"{name}.event_loop_late_p99",
            1000 * float(np.percentile(late, 99)),
            10,
            "ms",
        ),
    ]


def _epoch(session: Session) -> Epoch:
    """What an epoch of the session's retraining is about."""
    from workbench.engine.schedule import split

    steps, size = session.progress[-1].steps, RETRAINED.batch_size
    _, held = split(len(session.workload.data.train), np.random.default_rng(0))
    return Epoch(steps * size, len(held), size)


async def _epoch_seconds(session: Session) -> float:
    """Seconds of a retraining's last epoch, until its score is there."""
    ends: list[float] = []

    def note(change: Any) -> None:
        if change.new and change.new[-1].validation is not None:
            ends.append(time.perf_counter())

    session.observe(note, "progress")
    session.retrain(RETRAINED)
    await until(session, lambda: not session.is_retraining)
    session.unobserve(note, "progress")
    return ends[-1] - ends[-2]


async def _lateness(session: Session) -> list[float]:
    """Seconds that the event loop is late while the session retrains and evaluates."""
    late: list[float] = []
    watch = asyncio.ensure_future(lateness(late))
    await _epoch_seconds(session)
    for step in range(REPEATS):
        await seconds_of(session, _recipe("*", 0.5 + 0.02 * step))
    watch.cancel()
    return late


def _recipe(target: str, sparsity: float, bits: int = 6) -> Recipe:
    pruned = set_knobs(Recipe(), "magnitude", target, sparsity=sparsity)
    return set_knobs(pruned, "uniform", target, bits=bits)
