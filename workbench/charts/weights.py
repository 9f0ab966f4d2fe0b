"""Histogram of the selected weights before and after, on shared bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.charts import charts
from workbench.charts.style import (
    BEFORE,
    ORIGINAL,
    THRESHOLD,
    axis,
    figure,
    line_at,
    soft,
)
from workbench.core.gates import tensor_of, weights_of
from workbench.core.index import index_of
from workbench.core.tallies import cut_of, nonzeros_between
from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.charts import PlotlyJSON
    from workbench.core.snapshot import Snapshot
    from workbench.core.tensor import Site

BINS = 121


@dataclass(frozen=True, eq=False)
class WeightNumbers:
    """What the histogram shows.

    Attributes:
        edges: Bin edges, taken from the original, float64 (BINS + 1,); zero is the
            centre of the middle bin.
        original: Original weights in each bin, int64 (BINS,).
        compressed: Weights after compression in each bin without the zeros.
        zeros: Number of weights that are zero after compression.
        threshold: Smallest original magnitude that was kept where one threshold
            holds for all that is selected; None otherwise.
    """

    edges: NDArray[np.float64]
    original: NDArray[np.int64]
    compressed: NDArray[np.int64]
    zeros: int
    threshold: float | None


def weight_numbers(snapshot: Snapshot) -> WeightNumbers:
    """Count the selected weights; bins cover the original's largest magnitude."""
    sites = [s for s in snapshot.selected if (s.whole or s.path) in snapshot.weights]
    indexes = [index_of(weights_of(snapshot.weights, site)) for site in sites]
    largest = max((float(max(-i.low, i.high)) for i in indexes), default=0.0)
    edges = np.linspace(-1, 1, BINS + 1) * (largest or 1.0) * BINS / (BINS - 1)
    original = sum((i.histogram(edges) for i in indexes), np.zeros(BINS, np.int64))
    tensors = (
        []
        if snapshot.before is None
        else [tensor_of(snapshot.before.network.tensors, site) for site in sites]
    )
    compressed = sum(
        (nonzeros_between(tensor.dense, edges) for tensor in tensors),
        np.zeros(BINS, np.int64),
    )
    zeros = sum(tensor.dense.size - tensor.nonzeros for tensor in tensors)
    return WeightNumbers(
        edges, original, compressed, zeros, threshold_of(snapshot, sites)
    )


@charts.add("weights")
def draw_weights(snapshot: Snapshot) -> PlotlyJSON:
    """The original, what is left of it in front, and the threshold as lines."""
    lang = snapshot.lang
    numbers = weight_numbers(snapshot)
    centres = (numbers.edges[1:] + numbers.edges[:-1]) / 2
    share = numbers.zeros / max(int(numbers.original.sum()), 1)
    kept = say("chart.weights.left", lang, zeros=f"{share:.1%}")
    original = _steps(centres, numbers.original, say("chart.original", lang))
    outline = {"color": ORIGINAL, "width": 1.5, "shape": "hvh"}
    data = [
        original | {"fill": "tozeroy", "fillcolor": soft(ORIGINAL)},
        _steps(centres, numbers.compressed, kept)
        | {"fill": "tozeroy", "fillcolor": BEFORE},
        original | {"line": outline, "showlegend": False, "hoverinfo": "skip"},
    ]
    shapes: list[PlotlyJSON] = []
    words: list[PlotlyJSON] = []
    if numbers.threshold:
        label = f"T = {numbers.threshold:.3g}"
        right, word = line_at(numbers.threshold, THRESHOLD, label)
        left, _ = line_at(-numbers.threshold, THRESHOLD, label)
        shapes += [left, right]
        words.append(word)
    return figure(
        data,
        axis(say("chart.weights.x", lang)),
        axis(say("chart.weights.y", lang)),
        shapes=shapes,
        annotations=words,
    )


def _steps(x: NDArray[np.float64], y: NDArray[np.int64], name: str) -> PlotlyJSON:
    """Counts as one line of steps: a browser draws it sooner than a bar for each."""
    line = {"width": 0, "shape": "hvh"}
    return {
        "type": "scatter",
        "mode": "lines",
        "line": line,
        "x": x,
        "y": y,
        "name": name,
    }


def threshold_of(
    snapshot: Snapshot, sites: Sequence[Site] | None = None
) -> float | None:
    """The smallest kept magnitude, if it lies above everything that was pruned.

    Args:
        snapshot: The session.
        sites: The kernels or gates to look at; None means the selected ones.
    """
    if snapshot.before is None:
        return None
    tensors = snapshot.before.network.tensors
    if sites is None:
        sites = [s for s in snapshot.selected if (s.whole or s.path) in tensors]
    cuts = [
        cut_of(tensor_of(tensors, site), weights_of(snapshot.weights, site))
        for site in sites
    ]
    kept = min((cut.kept for cut in cuts), default=np.inf)
    gone = max((cut.gone for cut in cuts), default=0.0)
    return kept if np.isfinite(kept) and 0 < gone <= kept else None
