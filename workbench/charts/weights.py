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
from workbench.text import say

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.charts import PlotlyJSON
    from workbench.core.snapshot import Snapshot

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
    paths = [site.path for site in snapshot.selected if site.path in snapshot.weights]
    largest = max((_largest(snapshot.weights[path]) for path in paths), default=0.0)
    edges = np.linspace(-1, 1, BINS + 1) * (largest or 1.0) * BINS / (BINS - 1)
    original = np.zeros(BINS, np.int64)
    compressed = np.zeros(BINS, np.int64)
    zeros = 0
    for path in paths:
        original += _count(snapshot.weights[path], edges)
        if snapshot.before is None:
            continue
        tensor = snapshot.before.network.tensors[path]
        gone = tensor.dense.size - tensor.nonzeros
        counts = _count(tensor.dense, edges)
        counts[BINS // 2] -= gone
        compressed += counts
        zeros += gone
    return WeightNumbers(
        edges, original, compressed, zeros, threshold_of(snapshot, paths)
    )


@charts.add("weights")
def draw_weights(snapshot: Snapshot) -> PlotlyJSON:
    """The original, what is left of it in front, and the threshold as lines."""
    lang = snapshot.lang
    numbers = weight_numbers(snapshot)
    centres = (numbers.edges[1:] + numbers.edges[:-1]) / 2
    share = numbers.zeros / max(int(numbers.original.sum()), 1)
    data = [
        {
            "type": "bar",
            "marker": {"color": soft(ORIGINAL)},
            "x": centres,
            "y": numbers.original,
            "name": say("chart.original", lang),
        },
        {
            "type": "bar",
            "marker": {"color": BEFORE},
            "x": centres,
            "y": numbers.compressed,
            "name": say("chart.weights.left", lang, zeros=f"{share:.1%}"),
        },
        {
            "type": "scatter",
            "mode": "lines",
            "line": {"shape": "hvh", "color": ORIGINAL, "width": 1.5},
            "x": centres,
            "y": numbers.original,
            "showlegend": False,
            "hoverinfo": "skip",
        },
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
        bargap=0,
        barmode="overlay",
    )


def _largest(values: NDArray[np.float32]) -> float:
    return float(max(values.max(initial=0), -values.min(initial=0)))


def _count(
    values: NDArray[np.float32], edges: NDArray[np.float64]
) -> NDArray[np.int64]:
    counts, _ = np.histogram(values, BINS, (edges[0], edges[-1]))
    return counts.astype(np.int64)


def threshold_of(snapshot: Snapshot, paths: list[str] | None = None) -> float | None:
    """The smallest kept magnitude, if it lies above everything that was pruned.

    Args:
        snapshot: The session.
        paths: The kernels to look at; None means the selected ones.
    """
    if snapshot.before is None:
        return None
    tensors = snapshot.before.network.tensors
    if paths is None:
        paths = [site.path for site in snapshot.selected if site.path in tensors]
    kept, gone = np.inf, 0.0
    for path in paths:
        mask = tensors[path].mask
        magnitude = np.abs(snapshot.weights[path])
        if mask is None:
            kept = min(kept, float(magnitude.min(initial=np.inf)))
        else:
            kept = min(kept, float(magnitude[mask].min(initial=np.inf)))
            gone = max(gone, float(magnitude[~mask].max(initial=0)))
    return kept if np.isfinite(kept) and 0 < gone <= kept else None
