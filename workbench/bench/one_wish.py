"""One wish over all tensors: what a sparsity or a size costs, without training.

Levels are tried on training data and the result is measured on test data. A size is
that of the stream which decodes to the model: weights, biases, scales and tables.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from workbench.bench.benchmark import Result, benchmarks
from workbench.core.coded import stream_bytes
from workbench.core.recipe import Recipe
from workbench.core.wish import Wish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.bench.benchmark import Say
    from workbench.session import Session

# Points that a 300-100 perceptron may lose.
SPARSITIES = {0.9: 1.2, 0.95: 3.0, 0.98: 8.5}
RATIOS = {27: 0.5, 44: 1.6, 78: 3.5}
SURVEY_SECONDS = 30.0


@benchmarks.add("one-wish")
def one_wish(say: Say) -> Iterator[Result]:
    """Ask LeNet-300-100 for sparsities and for sizes."""
    from workbench.session import Session

    say("lenet")
    session = Session("lenet", is_kept=False)
    start = time.perf_counter()
    session.edit(Recipe(wish=Wish(sparsity=0.5)))
    # With it the first answer is compressed and measured too.
    seconds = time.perf_counter() - start
    yield Result("lenet.levels", seconds, SURVEY_SECONDS, "seconds")
    for sparsity, limit in SPARSITIES.items():
        session.edit(Recipe(wish=Wish(sparsity=sparsity)))
        yield Result(f"lenet.{sparsity:.0%}.lost", _lost(session), limit, "points")
    assert session.original_sizes is not None
    whole = session.original_sizes.float32.value
    for ratio, limit in RATIOS.items():
        session.edit(Recipe(wish=Wish(nbytes=whole / ratio)))
        yield Result(f"lenet.{ratio}x.lost", _lost(session), limit, "points")
        found, name = _stream(session), f"lenet.{ratio}x"
        yield Result(f"{name}.ratio", whole / found, float(ratio), "x", is_limit=False)
        assert session.decision is not None
        gap = 100 * abs(session.decision.nbytes - found) / found
        yield Result(f"{name}.size_error", gap, 2.0, "percent")
    session.close()


def _stream(session: Session) -> int:
    """Bytes that the stream of what is on the screen takes."""
    network = session.before.network
    others = session.workload.others | (network.others or {})
    return stream_bytes(network.tensors.values(), others.values())


def _lost(session: Session) -> float:
    gap = session.before.measurement.difference
    assert gap is not None, "The demo has test data."
    return -100 * gap.value
