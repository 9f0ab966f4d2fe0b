"""How many weights lie where, and between which magnitudes pruning has cut.

What was read off the weights once is kept as long as the tensor is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from workbench.core import fused
from workbench.core.index import index_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor

    Floats = NDArray[np.float32]


class Cut(NamedTuple):
    """What pruning kept and what it took, by the original magnitudes.

    Attributes:
        kept: The smallest that was kept; infinite where none was.
        gone: The largest that was pruned; 0 where none was.
    """

    kept: float
    gone: float


def nonzeros_between(values: Floats, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Counts of the weights that are not zero.

    Args:
        values: Any shape, float32.
        edges: Evenly spread, ascending; bins are closed below and open above, the last
            one is closed.
    """
    if not fused.pays(values):
        ends = edges[0], edges[-1]
        counts, _ = np.histogram(values[values != 0], edges.size - 1, ends)
        return counts.astype(np.int64)
    from workbench.core import kernels

    def part(_: slice, columns: slice) -> NDArray[np.int64]:
        counts = np.zeros(edges.size - 1, np.int64)
        kernels.nonzeros_between(values.reshape(-1)[columns], edges, counts)
        return counts

    return np.sum(fused.in_parts((1, values.size), part), axis=0)


def cut_of(tensor: CompressedTensor, weights: Floats) -> Cut:
    """Between which magnitudes a tensor was cut.

    Args:
        tensor: The tensor.
        weights: What it was before.
    """
    if tensor not in _cuts:
        _cuts[tensor] = _cut_of(weights, tensor.mask)
    return _cuts[tensor]


def _cut_of(weights: Floats, mask: NDArray[np.bool_] | None) -> Cut:
    if mask is None:
        return Cut(index_of(weights).smallest, 0.0)
    if not fused.pays(weights):
        magnitude = np.abs(weights)
        kept, gone = magnitude[mask], magnitude[~mask]
        return Cut(float(kept.min(initial=np.inf)), float(gone.max(initial=0)))
    from workbench.core import kernels

    flat, flags = weights.reshape(-1), mask.reshape(-1)

    def part(_: slice, columns: slice) -> tuple[float, float]:
        return kernels.kept_and_gone(flat[columns], flags[columns])

    least, most = zip(*fused.in_parts((1, flat.size), part), strict=True)
    return Cut(float(min(least)), float(max(most)))


_cuts: WeakKeyDictionary[CompressedTensor, Cut] = WeakKeyDictionary()
