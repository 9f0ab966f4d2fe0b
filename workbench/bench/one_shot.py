"""What repair without training brings back, beside plain pruning and rounding.

Calibrated on training data and measured on test data, on the demo's three models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.bench.benchmark import Result, benchmarks
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


@benchmarks.add("one-shot")
def one_shot(say: Say) -> Iterator[Result]:
    """Prune or round each model plainly and repaired."""
    from workbench.session import Session

    for model in MODELS:
        say(model)
        session = Session(model, is_kept=False)
        for level in (*SPARSITIES, *BITS):
            yield from _compared(session, model, level)
        session.close()


def _compared(session: Session, model: str, level: float) -> Iterator[Result]:
    """Points lost at one level with repair, and won back from what is lost without."""
    if level < 1:
        name, recipe = f"{level:.0%}", set_knobs(Recipe(), "magnitude", sparsity=level)
    else:
        bits = int(level)
        name = f"{bits} bits"
        recipe = set_knobs(Recipe(), "uniform", bits=bits, range="mse")
    plain = _lost(session, recipe)
    repaired = _lost(session, set_repair(recipe, is_on=True))
    if model == "lenet" and level in LENET_LIMITS:
        yield Result(f"{model}.{name}.lost", repaired, LENET_LIMITS[level], "points")
    least = plain / 2 if plain > WORTH_REPAIRING else 0.0
    won = plain - repaired
    key = f"{model}.{name}.won_back"
    yield Result(key, won, least, f"points of {plain:.2f}", is_limit=False)


def _lost(session: Session, recipe: Recipe) -> float:
    """Points that a recipe loses on the test set, without a running event loop."""
    session.edit(recipe)
    before = session.before
    gap = before.measurement.difference
    assert gap is not None, "The demos have test data."
    return -100 * gap.value
