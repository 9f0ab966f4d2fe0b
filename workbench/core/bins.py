"""A tensor's weights in a few thousand bins: small enough to send to a browser.

Half of the edges are evenly spread over the range and half over the weights, so that
sparse tails and the crowd around zero are both told apart. Moments are taken about
each bin's middle: sums of squares about zero lose, in float32, the small errors of
wide grids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class WeightBins:
    """Counts and moments of weights between edges.

    Attributes:
        edges: Ascending, float32 (n + 1,); a bin holds its lower edge, the last bin
            both of its edges.
        counts: Weights in each bin, uint32 (n,).
        first: Sum of ``w - middle``, float32 (n,), with the middle of the bin.
        second: Sum of ``(w - middle)**2``, float32 (n,).
    """

    edges: NDArray[np.float32]
    counts: NDArray[np.uint32]
    first: NDArray[np.float32]
    second: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Bytes to send: 16 a bin."""
        parts = (self.edges, self.counts, self.first, self.second)
        return sum(part.nbytes for part in parts)


def weight_bins(
    ordered: NDArray[np.float32], uniform: int = 1024, quantiles: int = 1024
) -> WeightBins:
    """Bin weights that are sorted already.

    Args:
        ordered: All weights, ascending, float32 (n,), at least one.
        uniform: Evenly spread bins over the range.
        quantiles: Further edges, evenly spread over the weights.

    Returns:
        At most ``uniform + quantiles`` bins; equal edges are one.
    """
    even = np.linspace(ordered[0], ordered[-1], uniform + 1, dtype=np.float32)
    places = np.linspace(0, ordered.size - 1, quantiles + 1)[1:-1].astype(np.int64)
    edges = np.unique(np.concatenate([even, ordered[places]]))
    if edges.size == 1:
        edges = np.append(edges, np.nextafter(edges, np.float32(np.inf)))
    ends = np.searchsorted(ordered, edges)
    ends[-1] = ordered.size
    first, second = _moments(ordered, edges, ends)
    return WeightBins(edges, np.diff(ends).astype(np.uint32), first, second)


def _moments(
    ordered: NDArray[np.float32], edges: NDArray[np.float32], ends: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    middles = (edges[1:].astype(np.float64) + edges[:-1]) / 2
    first, second = np.zeros((2, middles.size), np.float64)
    for begin in range(0, ordered.size, _CHUNK):
        part = ordered[begin : begin + _CHUNK].astype(np.float64)
        places = np.arange(begin, begin + part.size)
        which = np.searchsorted(ends, places, side="right") - 1
        gap = part - middles[which]
        first += np.bincount(which, gap, middles.size)
        second += np.bincount(which, gap * gap, middles.size)
    return first.astype(np.float32), second.astype(np.float32)
