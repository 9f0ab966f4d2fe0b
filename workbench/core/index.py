"""What a threshold and a grid do to a tensor, told without touching its weights.

The weights of a tensor are sorted once. Every integer of a uniform grid is an interval
of weights, and so are the pruned ones; where an interval begins and ends among the
sorted weights gives its count, and prefix sums give its squared error. All is exact:
the ends of the intervals are those of ``rint(w / scale)`` in float32, to the last ulp,
and sums are float64.

One scale for the whole tensor is needed: scales per channel make the index
two-dimensional, and a pass over the weights is the quicker way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import finalize

import numpy as np

from workbench.core import index_kernels
from workbench.core.radix import block_sums, sorted_copy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.core.affine import Grid

_BLOCK = 32


@dataclass(frozen=True, eq=False)
class Coded:
    """What became of a tensor under a threshold and a grid.

    Attributes:
        levels: Integers with the zero point taken off, ascending, int32.
        counts: How many weights have each, int64; the pruned are among those of 0.
        pruned: Number of weights below the threshold.
        signal: Sum of the squared weights.
        noise: Sum of the squared errors.
        largest_error: Largest absolute error.
    """

    levels: NDArray[np.int32]
    counts: NDArray[np.int64]
    pruned: int
    signal: float
    noise: float
    largest_error: float

    @property
    def zeros(self) -> int:
        """Number of weights that became zero, pruned or rounded."""
        return int(self.counts[self.levels == 0].sum())

    @property
    def sparsity(self) -> float:
        """Fraction of zeros, 0 to 1."""
        return self.zeros / max(int(self.counts.sum()), 1)

    @property
    def sqnr(self) -> float:
        """Signal-to-quantization-noise ratio in dB; infinite without error."""
        if self.noise == 0:
            return float("inf")
        return float(10 * np.log10(self.signal / self.noise))

    @property
    def entropy(self) -> float:
        """Bits a weight at each symbol's ideal length, zeros being one of them."""
        p = self.counts[self.counts > 0] / max(int(self.counts.sum()), 1)
        return float(-(p * np.log2(p)).sum())


class MagnitudeIndex:
    """The sorted weights of one tensor with sums over them.

    It keeps 4.5 bytes a weight. A query takes the same time at a million weights and at
    a hundred million.

    Args:
        values: Any shape, float32, finite.
    """

    def __init__(self, values: NDArray[np.float32]) -> None:
        """Sort the weights and sum over blocks of them."""
        self._sorted = sorted_copy(values)
        self._sums, self._squares = (
            np.append(0, np.cumsum(part)) for part in block_sums(self._sorted, _BLOCK)
        )

    @property
    def size(self) -> int:
        """Number of weights."""
        return self._sorted.size

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self._sorted.nbytes + self._sums.nbytes + self._squares.nbytes

    @property
    def low(self) -> np.float32:
        """Smallest weight; 0 where there is none."""
        return self._sorted[0] if self.size else np.float32(0)

    @property
    def high(self) -> np.float32:
        """Largest weight; 0 where there is none."""
        return self._sorted[-1] if self.size else np.float32(0)

    @property
    def smallest(self) -> float:
        """Smallest magnitude; infinite where there is no weight."""
        beside = self._sorted[max(self._negative - 1, 0) : self._negative + 1]
        return float(np.abs(beside).min(initial=np.inf))

    @cached_property
    def signal(self) -> float:
        """Sum of the squared weights."""
        return float(self._squares[-1])

    @cached_property
    def _negative(self) -> int:
        """Number of weights below zero."""
        return int(np.searchsorted(self._sorted, np.float32(0)))

    def lamp_below(
        self, scores: NDArray[np.float32], between: Sequence[int] | None = None
    ) -> NDArray[np.int64]:
        """Number of weights whose LAMP score is below each of some.

        The score of a weight is its share of the energy of itself and all larger ones,
        see `workbench.core.allocation.lamp_shares`; 0 where all that is left is zero.

        Args:
            scores: In ascending order.
            between: What the numbers are known to be at least, and at most.
        """
        arrays = (self._sorted, self._sums, self._squares)
        limits = (0, self.size) if between is None else tuple(between)
        return index_kernels.lamp_below(arrays, self._negative, _BLOCK, scores, limits)

    def pruned(self, threshold: float | np.float32) -> int:
        """Number of weights with ``|w| < threshold``, compared in float32."""
        first, last = self._inside(np.float32(threshold))
        return last - first

    def sparsity(self, threshold: float | np.float32) -> float:
        """Fraction of weights with ``|w| < threshold``, 0 to 1."""
        return self.pruned(threshold) / max(self.size, 1)

    def threshold(self, pruned: int) -> np.float32:
        """The threshold that prunes a number of weights.

        Args:
            pruned: How many, 0 to `size`.

        Returns:
            The smallest float32 T such that at least so many have ``|w| < T``; more
            have where several weights tie at the cut.
        """
        found = index_kernels.threshold(self._sorted, self._negative, pruned)
        return np.float32(found)

    def histogram(
        self, edges: NDArray[np.floating], threshold: float | np.float32 = 0.0
    ) -> NDArray[np.int64]:
        """Counts of the weights with ``|w| >= threshold`` in bins.

        Args:
            edges: Ascending; bins are closed below and open above, the last is closed.
            threshold: Those below it are not counted.
        """
        places = self._places(np.asarray(edges, np.float64), edges.size - 1)
        first, last = self._inside(np.float32(threshold))
        kept = places - np.clip(places, first, last) + first
        return np.diff(kept)

    def coded(self, grid: Grid, threshold: float | np.float32 = 0.0) -> Coded:
        """What a threshold and then a grid do to the tensor.

        Args:
            grid: With one scale.
            threshold: Weights with ``|w| < threshold`` become zero first.
        """
        scale = np.float32(grid.scale.reshape(-1)[0])
        smallest, largest = (
            limit - int(grid.zero_point.reshape(-1)[0]) for limit in grid.limits
        )
        levels = np.arange(smallest, largest + 1, dtype=np.int32)
        counts = np.zeros(levels.size, np.int64)
        pruned, noise, largest_error = index_kernels.code(
            (self._sorted, self._sums, self._squares),
            np.float32(threshold),
            (scale, smallest, _BLOCK),
            counts,
        )
        return Coded(
            levels=levels,
            counts=counts,
            pruned=pruned,
            signal=self.signal,
            noise=noise,
            largest_error=largest_error,
        )

    def _inside(self, threshold: np.float32) -> tuple[int, int]:
        """Where the weights with ``|w| < threshold`` begin and end."""
        if threshold <= 0:
            return self._negative, self._negative
        first = np.searchsorted(self._sorted, -threshold, side="right")
        return int(first), int(np.searchsorted(self._sorted, threshold))

    def _places(self, edges: NDArray[np.float64], last: int) -> NDArray[np.int64]:
        """Places of float64 edges, the last one closed, as `numpy.histogram` has it."""
        with np.errstate(over="ignore"):
            near = edges.astype(np.float32)
        is_over = near[last] > edges[last]
        closing = near[last]
        # The first float32 that is not below the edge.
        near = np.where(near < edges, np.nextafter(near, np.float32(np.inf)), near)
        places = np.searchsorted(self._sorted, near)
        side = "left" if is_over else "right"
        places[last] = np.searchsorted(self._sorted, closing, side=side)
        return places


def cut(indexes: Sequence[MagnitudeIndex], pruned: int) -> np.float32:
    """The threshold that prunes a number of weights from several tensors together.

    Args:
        indexes: Those of the tensors.
        pruned: How many, 0 to the sum of their sizes.

    Returns:
        The smallest float32 T such that at least so many have ``|w| < T``.
    """
    # Positive floats are in the order of their bits: 31 bisections find any.
    low, high = 0, int(np.float32(np.inf).view(np.int32))
    while low < high:
        middle = (low + high) // 2
        threshold = np.int32(middle).view(np.float32)
        if sum(index.pruned(threshold) for index in indexes) >= pruned:
            high = middle
        else:
            low = middle + 1
    return np.int32(low).view(np.float32)


def index_of(values: NDArray[np.float32]) -> MagnitudeIndex:
    """The index of an array, kept as long as the array is there.

    Args:
        values: An array that is not written to any more.
    """
    key = id(values)
    known = _indexes.get(key)
    if known is None:
        known = _indexes[key] = MagnitudeIndex(values)
        finalize(values, _indexes.pop, key, None).atexit = False
    return known


_indexes: dict[int, MagnitudeIndex] = {}
