"""What repair without training brings back, beside plain pruning and rounding.

Calibrated on training data and measured on test data, on the demo's three models. What
may be lost is judged by the mean over several draws of the calibration samples. How
soon a repair is there stands beside it.
"""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING

from workbench.bench.benchmark import Result, benchmarks
from workbench.bench.points import lost
from workbench.bench.repair_speed import seconds
from workbench.core.edit import set_knobs, set_repair
from workbench.core.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.bench.benchmark import Say
    from workbench.session import Session

MODELS = ("lenet", "cnn", "lstm")
SPARSITIES = (0.8, 0.9, 0.95, 0.98)
BITS = (4, 3, 2)
# Points that a 300-100 perceptron may lose.
LENET_LIMITS = {0.9: 1.9, 0.95: 5.2, 0.98: 12.0, 4: 0.2, 3: 0.3, 2: 1.6}
# Where the plain method loses more points, half of them must come back.
WORTH_REPAIRING = 1.0
# By chance the better layers may give the worse score.
CHANCE = 0.3
SEEDS = (0, 1, 2)


@benchmarks.add("one-shot")
def one_shot(say: Say) -> Iterator[Result]:
    """Prune or round each model plainly and repaired."""
    from workbench.session import Session

    for model in MODELS:
        sessions: list[Session] = []
        for seed in SEEDS:
            say(f"{model} {seed}")
            sessions.append(Session(model, recipe=Recipe(seed=seed), is_kept=False))
        for level in (*SPARSITIES, *BITS):
            yield from _compared(sessions, model, level)
        for session in sessions:
            session.close()
    yield from seconds(say)


def _compared(sessions: list[Session], model: str, level: float) -> Iterator[Result]:
    """Points lost at one level with repair, and won back from what is lost without."""
    name = f"{level:.0%}" if level < 1 else f"{level} bits"
    plain, repaired, alone, unsearched = (
        mean(lost(session, _recipe(session, level, way)) for session in sessions)
        for way in ("plain", "compressed", "original", "unsearched")
    )
    if model == "lenet" and level in LENET_LIMITS:
        yield Result(f"{model}.{name}.lost", repaired, LENET_LIMITS[level], "points")
    least = plain / 2 if plain > WORTH_REPAIRING else 0.0
    won = plain - repaired
    key = f"{model}.{name}.won_back"
    yield Result(key, won, least, f"points of {plain:.2f}", is_limit=False)
    if alone > WORTH_REPAIRING:
        # Where each layer is repaired by itself it is not better.
        key, unit = f"{model}.{name}.won_by_turns", f"points of {alone:.2f}"
        yield Result(key, alone - repaired, 0.0, unit, is_limit=False)
    key, unit = f"{model}.{name}.won_by_search", f"points of {unsearched:.2f}"
    yield Result(key, unsearched - repaired, -CHANCE, unit, is_limit=False)


def _recipe(session: Session, level: float, way: str) -> Recipe:
    """Plain, or repaired on the original's inputs or, by default, compressed ones.

    Without a search the largest weights are kept, and rounding ends with feedback.
    """
    start = Recipe(seed=session.recipe.seed)
    if level < 1:
        recipe = set_knobs(start, "magnitude", sparsity=level)
    else:
        recipe = set_knobs(start, "uniform", bits=int(level), range="mse")
    if way == "plain":
        return recipe
    repaired = set_repair(recipe, is_on=True)
    if way == "original":
        return set_knobs(repaired, "reconstruct", inputs=way)
    if way == "compressed":
        return repaired
    if level < 1:
        return set_knobs(repaired, "reconstruct", support="chosen")
    return set_knobs(repaired, "uniform", rounding="feedback")
