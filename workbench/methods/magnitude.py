"""Magnitude pruning: the smallest weights become zero.

``keep = |w| >= T``; threshold T and sparsity are two faces of one knob. Source: Han et
al. 2015, arXiv 1506.02626.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.index import cut, index_of
from workbench.core.knob import knob
from workbench.core.step import TensorStep, steps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor, Site


@dataclass(frozen=True)
class Cut:
    """Where pruning cuts a tensor.

    Attributes:
        threshold: Weights with ``|w| < threshold`` become zero, float32.
        ties: And so many of those with ``|w| == threshold``, in index order.
    """

    threshold: np.float32
    ties: int = 0

    def kept(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """True where a weight is kept."""
        magnitude = np.abs(values)
        keep = magnitude >= self.threshold
        if self.ties:
            same = np.flatnonzero(magnitude == self.threshold)
            keep.reshape(-1)[same[: self.ties]] = False
        return keep


@steps.add("magnitude")
@dataclass(frozen=True)
class Magnitude(TensorStep):
    """Prune by magnitude, to a sparsity or below a threshold.

    Attributes:
        sparsity: Fraction of weights to prune; the nearest number of weights is.
        threshold: Prune where ``|w| < threshold``, compared in float32; where set it
            is what counts.
        scope: ``tensor`` prunes each tensor to the sparsity; ``global`` uses one
            threshold over all tensors that ask for it, for the sparsity of them all.
        pruned: Number of weights to prune where tensors have agreed on it; no knob.
    """

    name: ClassVar[str] = "magnitude"
    phase: ClassVar[int] = 10

    sparsity: float = knob(0.0, low=0.0, high=0.999, excludes="threshold")
    threshold: float | None = knob(
        None, kind="float", low=0.0, high=1e6, scale="log", excludes="sparsity"
    )
    scope: str = knob("tensor", choices=("tensor", "global"))
    pruned: int | None = field(default=None)

    def cut(self, values: NDArray[np.float32]) -> Cut:
        """Where a tensor's weights are cut."""
        if self.threshold is not None:
            return Cut(np.float32(self.threshold))
        pruned = self.pruned
        if pruned is None:
            pruned = round(self.sparsity * values.size)
        if not pruned:
            return Cut(np.float32(0))
        index = index_of(values)
        threshold = index.threshold(pruned)
        if index.pruned(threshold) == pruned:
            return Cut(threshold)
        # Several weights tie at the cut: some of them stay.
        tied = np.nextafter(threshold, np.float32(0))
        return Cut(tied, pruned - index.pruned(tied))

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:  # noqa: ARG002
        """Mask the small weights; with nothing to prune, the tensor as it is."""
        keep = self.cut(tensor.dense).kept(tensor.dense)
        return tensor if keep.all() else tensor.masked(keep)

    @classmethod
    def agree(
        cls, wishes: Mapping[str, Self], tensors: Mapping[str, CompressedTensor]
    ) -> Mapping[str, Self]:
        """One threshold for all tensors of a global wish.

        The tensors that wish for the same sparsity over all form one pool; each then
        prunes its own share of the pool's smallest weights.
        """
        levels = dict(wishes)
        pools: dict[float, list[str]] = {}
        for path, wish in wishes.items():
            if wish.scope == "global" and wish.threshold is None and wish.sparsity:
                pools.setdefault(wish.sparsity, []).append(path)
        for sparsity, paths in pools.items():
            shares = _shares(sparsity, [tensors[path].dense for path in paths])
            for path, share in zip(paths, shares, strict=True):
                levels[path] = replace(levels[path], pruned=share)
        return levels


def _shares(sparsity: float, pool: list[NDArray[np.float32]]) -> list[int]:
    """How many weights each tensor of a pool prunes.

    Where weights tie at the cut, the tensors that come first prune theirs.
    """
    indexes = [index_of(values) for values in pool]
    wanted = round(sparsity * sum(index.size for index in indexes))
    threshold = cut(indexes, wanted)
    below = np.nextafter(threshold, np.float32(0))
    shares = [index.pruned(below) for index in indexes]
    missing = wanted - sum(shares)
    for place, index in enumerate(indexes):
        tied = min(missing, index.pruned(threshold) - shares[place])
        shares[place] += tied
        missing -= tied
    return shares
