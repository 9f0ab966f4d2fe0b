"""What is left of the demo models without whole channels, measured on the saved files.

No training: calibrated on training data and measured on test data. Each model is saved
and opened again by plain Keras, and its parameters are those of the file. Beside the
choice by OBS stands the one by the loss to first order, repaired alike.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.bench.benchmark import Result, benchmarks
from workbench.bench.points import lost
from workbench.core.edit import set_knobs, set_repair
from workbench.core.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.bench.benchmark import Say
    from workbench.session import Session

MODELS = ("lenet", "cnn", "lstm")
SHARES = {"half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4}
# Points that a 300-100 perceptron may lose.
LENET_LIMITS = {"half": 1.2, "third": 2.2, "quarter": 3.0}
# Where the plain method loses more points, half of them must come back.
WORTH_REPAIRING = 1.0
# And where it loses less than this, no other has to lose less.
_LITTLE = 1.0
# What the share of weights leaves of all parameters, biases included, may be over.
_MARGIN = 0.01
# Less than one answer of 10,000 differs by; means of the same answers are not the same
# in their last digit.
_LEAST_GAP = 0.005


@benchmarks.add("structure")
def structure(say: Say) -> Iterator[Result]:
    """Take channels out of each model, by the norm alone and repaired, and save it."""
    from workbench.session import Session

    for model in MODELS:
        say(model)
        session = Session(model, is_kept=False)
        for name, share in SHARES.items():
            yield from _compared(session, f"{model}.{name}", share)
        session.close()


def _compared(session: Session, name: str, share: float) -> Iterator[Result]:
    """Points lost at one share, of which the repair wins back, and the file's size."""
    taken = round(1 - share, 4)
    plain = set_knobs(Recipe(), "structured", sparsity=taken, score="norm")
    alone = lost(session, plain)
    by_loss = set_knobs(Recipe(), "structured", sparsity=taken, score="taylor")
    first_order = lost(session, set_repair(by_loss, is_on=True))
    yield Result(f"{name}.taylor_lost", first_order, max(alone, _LITTLE), "points")
    wish = set_knobs(Recipe(), "structured", sparsity=taken)
    repaired = lost(session, set_repair(wish, is_on=True))
    model, _, level = name.partition(".")
    if model == "lenet":
        yield Result(f"{name}.lost", repaired, LENET_LIMITS[level], "points")
    least = alone / 2 if alone > WORTH_REPAIRING else 0.0
    won, unit = alone - repaired, f"points of {alone:.2f}"
    yield Result(f"{name}.won_back", won, least, unit, is_limit=False)
    left, gap = _in_file(session)
    yield Result(f"{name}.parameters", left, share + _MARGIN, "of the original's")
    yield Result(f"{name}.file_gap", gap, _LEAST_GAP, "points from the simulation")


def _in_file(session: Session) -> tuple[float, float]:
    """Parameters in the saved file, and its score's distance from the simulation's."""
    import keras
    import numpy as np

    workload = session.workload
    with tempfile.TemporaryDirectory() as folder:
        session.save(Path(folder) / "out", ("keras",))
        opened = keras.saving.load_model(Path(folder) / "out" / "model.keras")
    assert isinstance(opened, keras.Model)
    test = workload.data.test
    outputs = opened.predict(test.x[0], batch_size=256, verbose="0")
    score = float(np.mean(workload.metric.results(test.y, outputs)))
    left = opened.count_params() / workload.model.count_params()
    return left, 100 * abs(score - session.before.measurement.score)
