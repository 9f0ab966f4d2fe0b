"""The singular values of a kernel, the error of every rank, and where it pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.charts import charts
from workbench.charts.style import (
    BEFORE,
    BUDGET,
    ORIGINAL,
    axis,
    empty,
    figure,
    line_at,
)
from workbench.core.codes import LowRank
from workbench.core.gates import tensor_of, weights_of
from workbench.core.low_rank import Matrices, single, spectrum_of
from workbench.text import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from workbench.charts import PlotlyJSON
    from workbench.core.snapshot import Snapshot
    from workbench.core.tensor import Site

# A wider kernel takes too long to decompose between two frames.
_WIDEST = 1024


@dataclass(frozen=True, eq=False)
class Ranks:
    """What each rank of one kernel costs and loses.

    Attributes:
        path: Address of the kernel.
        values: Singular values relative to the largest, falling.
        errors: Error of each rank from 0 on, relative to rank 0.
        break_even: The rank at which factors have as many weights as the kernel.
        rank: Of the kernel as it is now; None where it is no product of two factors.
        is_seen: Whether directions count by what calibration saw along them.
    """

    path: str
    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    break_even: float
    rank: int | None
    is_seen: bool


def ranks(snapshot: Snapshot) -> Ranks | None:
    """Those of the first selected kernel that is a matrix; None where none is."""
    for site in snapshot.selected:
        matrices = Matrices.of(site)
        if not site.can or matrices is None or matrices.full > _WIDEST:
            continue
        if (site.whole or site.path) not in snapshot.weights:
            continue  # Its values are not read yet.
        gram = single(site.gram)
        found = spectrum_of(weights_of(snapshot.weights, site), site, gram)
        if found is None:
            continue
        largest = float(found.values[0])
        values = found.values / (largest if largest > 0 else 1.0)
        return Ranks(
            site.path,
            values,
            found.errors,
            matrices.break_even,
            _rank(snapshot, site),
            gram is not None,
        )
    return None


@charts.add("spectrum")
def draw_spectrum(snapshot: Snapshot) -> PlotlyJSON:
    """Bars for the values, a line for the errors, dashed ones for the ranks."""
    lang = snapshot.lang
    found = ranks(snapshot)
    if found is None:
        return empty("chart.empty.spectrum", lang)
    places = list(range(len(found.errors)))
    kind = "seen" if found.is_seen else "plain"
    data: list[PlotlyJSON] = [
        {
            "type": "bar",
            "name": say("low_rank.values", lang),
            "x": places[1:],
            "y": found.values.tolist(),
            "marker": {"color": ORIGINAL},
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": say(f"low_rank.error_{kind}", lang),
            "x": places,
            "y": found.errors.tolist(),
            "line": {"color": BEFORE, "width": 2},
        },
    ]
    label = say("low_rank.break_even", lang, rank=f"{found.break_even:.0f}")
    marks = [line_at(found.break_even, BUDGET, label)]
    if found.rank is not None:
        label = say("low_rank.rank", lang, rank=found.rank)
        marks.append(line_at(found.rank, BEFORE, label))
    lines, words = (list(part) for part in zip(*marks, strict=True))
    x = axis(say("low_rank.x_of", lang, path=found.path))
    y = axis(say("low_rank.y", lang), tickformat=".0%", rangemode="tozero")
    return figure(data, x, y, shapes=lines, annotations=words, bargap=0)


def _rank(snapshot: Snapshot, site: Site) -> int | None:
    before = snapshot.before
    code = tensor_of(before.network.tensors, site).code if before else None
    if not isinstance(code, LowRank):
        return None
    first, *others = code.factors
    return first.dense.shape[-1] if len(others) == 1 else None
