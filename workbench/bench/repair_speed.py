"""How soon a repair is there: the three looks of a slider's move, and calibration.

The session is that of the dashboard, on an event loop; times are medians over moves,
from the edit to the delivery on the loop.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from workbench.bench.benchmark import Result
from workbench.bench.waiting import is_exact, until
from workbench.core.edit import set_knobs, set_repair
from workbench.core.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.bench.benchmark import Say
    from workbench.session import Session

SPARSE = (0.80, 0.82, 0.86, 0.9, 0.94)
DENSE = (0.30, 0.42, 0.50, 0.61, 0.7)
CONVOLUTION = "conv_3/kernel"
CALIBRATION_MS = 5000
# Milliseconds until the plain, the repaired and the one repaired in turn are there.
LENET_SPARSE = (20, 150, 1500)
LENET_DENSE = (20, 400, 3000)
CNN_ALL = (20, 500, 4000)
LSTM_ALL = (20, 500, 4000)
LOOKS = ("unrepaired", "repaired", "in_turn")


def seconds(say: Say) -> Iterator[Result]:
    """Measure the demo's models."""
    moves = {
        "lenet": {
            "sparse": ("*", SPARSE, LENET_SPARSE),
            "dense": ("*", DENSE, LENET_DENSE),
        },
        "cnn": {
            "convolution": (CONVOLUTION, (*SPARSE, *DENSE), CNN_ALL[:2]),
            "all": ("*", SPARSE, CNN_ALL),
        },
        "lstm": {"all": ("*", SPARSE, LSTM_ALL)},
    }
    for model, kinds in moves.items():
        say(f"{model}: seconds")
        yield from asyncio.run(_measured(model, kinds))


async def _measured(model: str, kinds: dict[str, Any]) -> list[Result]:
    from workbench.session import Session

    session = Session(model, is_kept=False)
    try:
        await until(session, lambda: any(s.gram is not None for s in session.sites))
        await until(session, lambda: is_exact(session) and not session.is_opening)
        results = [
            Result(f"{model}.calibration", _calibration(session), CALIBRATION_MS, "ms")
        ]
        for kind, (target, levels, limits) in kinds.items():
            # What is made or compiled once is no part of a move.
            await _looks(session, _recipe(target, 0.77), len(limits))
            seen = [
                await _looks(session, _recipe(target, level), len(limits))
                for level in levels
            ]
            for place, times in enumerate(zip(*seen, strict=True)):
                name, limit = f"{model}.{kind}.{LOOKS[place]}", limits[place]
                results.append(Result(name, 1000 * median(times), limit, "ms"))
    finally:
        session.close()
    return results


def _calibration(session: Session) -> float:
    """Milliseconds to see what every kernel sees."""
    from workbench.engine.moments import MomentCalibrator

    began = time.perf_counter()
    for _ in MomentCalibrator(session.workload).run():
        pass
    return 1000 * (time.perf_counter() - began)


async def _looks(session: Session, recipe: Recipe, count: int) -> Sequence[float]:
    """Seconds until each look of a recipe is there."""
    seen: list[float] = []
    networks: list[Any] = []

    def note(change: Any) -> None:
        outcome = change.new
        is_new = not any(outcome.network is known for known in networks)
        if outcome.recipe.plans == recipe.plans and is_new:
            networks.append(outcome.network)
            seen.append(time.perf_counter() - began)

    session.observe(note, "before")
    began = time.perf_counter()
    session.edit(recipe)
    await until(session, lambda: len(seen) >= count and is_exact(session))
    session.unobserve(note, "before")
    return seen[:count]


def _recipe(target: str, sparsity: float) -> Recipe:
    return set_repair(
        set_knobs(Recipe(), "magnitude", target, sparsity=sparsity), is_on=True
    )
