"""One wish over all tensors: what a sparsity or a size costs, without training.

Levels are tried on training data and the result is measured on test data. A size is
that of the file which decodes to the model: weights, biases, scales, tables and the
architecture. What may be lost is judged by the mean over several draws of the
calibration samples.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from workbench.bench.benchmark import Result, benchmarks
from workbench.core.decision import decide
from workbench.core.recipe import Recipe
from workbench.core.wish import Wish
from workbench.deciding import survey_of
from workbench.export.artifact import ExportJob, exporters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.bench.benchmark import Say
    from workbench.session import Session

# Points that a 300-100 perceptron may lose.
SPARSITIES = {0.9: 1.2, 0.95: 3.0, 0.98: 8.5}
RATIOS = {27: 0.5, 44: 1.6, 78: 3.5}
SEEDS = (0, 1, 2)
# Sizes of the other models, as parts of theirs.
OTHERS = {"cnn": (10, 20, 40), "lstm": (8, 15, 30)}
SURVEY_SECONDS = 30.0
# From a new budget to its levels, while a slider moves.
DECIDE_MS = 50.0
# What may stay unused of a size, and what may be estimated wrongly at first.
UNUSED_PERCENT = 2.0
ESTIMATE_PERCENT = 2.0


@benchmarks.add("one-wish")
def one_wish(say: Say) -> Iterator[Result]:
    """Ask three models for sizes, and LeNet-300-100 for sparsities."""
    lost: dict[str, list[float]] = {}
    for seed in SEEDS:
        say(f"lenet {seed}")
        session = _opened("lenet", seed)
        if seed == SEEDS[0]:
            yield from _timed(session, "lenet")
            yield from _sizes(session, "lenet", tuple(RATIOS))
        for sparsity in SPARSITIES:
            session.edit(Recipe(wish=Wish(sparsity=sparsity), seed=seed))
            lost.setdefault(f"{sparsity:.0%}", []).append(_lost(session))
        for ratio in RATIOS:
            _ask(session, ratio)
            lost.setdefault(f"{ratio}x", []).append(_lost(session))
        session.close()
    limits = {f"{part:.0%}": most for part, most in SPARSITIES.items()}
    limits |= {f"{ratio}x": most for ratio, most in RATIOS.items()}
    for name, limit in limits.items():
        yield Result(f"lenet.{name}.lost", mean(lost[name]), limit, "points")
    for model, ratios in OTHERS.items():
        say(model)
        session = _opened(model, 0)
        yield from _timed(session, model)
        yield from _sizes(session, model, ratios)
        session.close()


def _opened(model: str, seed: int) -> Session:
    from workbench.session import Session

    return Session(model, recipe=Recipe(seed=seed), is_kept=False)


def _timed(session: Session, model: str) -> Iterator[Result]:
    """Try the levels, then decide for many sizes as a moving slider does."""
    start = time.perf_counter()
    survey = survey_of(session)
    for _ in survey.run():
        pass
    database = survey.database
    assert database is not None
    session.surveyed(database)
    # The first answer finds those to all others.
    decide(Recipe(wish=_wish(session, 10)), database)
    seconds = time.perf_counter() - start
    yield Result(f"{model}.levels", seconds, SURVEY_SECONDS, "seconds")
    slowest = 0.0
    for ratio in range(5, 80, 3):
        recipe = Recipe(wish=_wish(session, ratio))
        start = time.perf_counter()
        decide(recipe, database)
        slowest = max(slowest, 1000 * (time.perf_counter() - start))
    yield Result(f"{model}.decision", slowest, DECIDE_MS, "ms")


def _sizes(session: Session, model: str, ratios: tuple[int, ...]) -> Iterator[Result]:
    """How close sizes come to the wish, estimated and decided."""
    assert session.original_sizes is not None
    whole = session.original_sizes.float32.value
    for ratio in ratios:
        _ask(session, ratio)
        name, found = f"{model}.{ratio}x", _file_bytes(session)
        yield Result(f"{name}.ratio", whole / found, float(ratio), "x", is_limit=False)
        unused = 100 * (1 - found * ratio / whole)
        yield Result(f"{name}.unused", unused, UNUSED_PERCENT, "percent")
        gap = 100 * abs(session.decision.nbytes - found) / found
        yield Result(f"{name}.size_error", gap, ESTIMATE_PERCENT, "percent")


def _wish(session: Session, ratio: float) -> Wish:
    assert session.original_sizes is not None
    return Wish(nbytes=session.original_sizes.float32.value / ratio)


def _ask(session: Session, ratio: float) -> None:
    session.edit(Recipe(wish=_wish(session, ratio), seed=session.recipe.seed))


def _file_bytes(session: Session) -> int:
    """Bytes of the file of what is on the screen, written and read back."""
    before = session.before
    with tempfile.TemporaryDirectory() as name:
        job = ExportJob(session.workload, before.network, before.recipe, Path(name))
        return round(exporters["wbz"](job).bytes.value)


def _lost(session: Session) -> float:
    gap = session.before.measurement.difference
    assert gap is not None, "The demos have test data."
    return -100 * gap.value
