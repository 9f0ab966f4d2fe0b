"""Magnitude pruning: the smallest weights become zero.

``keep = |w| >= T``; threshold T and sparsity are two faces of one knob. Source: Han et
al. 2015, arXiv 1506.02626.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.allocation import global_shares, lamp_shares
from workbench.core.index import index_of
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
            threshold over all tensors that ask for it, for the sparsity of them all;
            ``lamp`` one threshold on scores that do not depend on a layer's scale.
        pruned: Number of weights to prune where tensors have agreed on it; no knob.
    """

    name: ClassVar[str] = "magnitude"
    phase: ClassVar[int] = 10

    sparsity: float = knob(0.0, low=0.0, high=0.999, excludes="threshold")
    threshold: float | None = knob(
        None, kind="float", low=0.0, high=1e6, scale="log", excludes="sparsity"
    )
    scope: str = knob("lamp", choices=("tensor", "global", "lamp"))
    pruned: int | None = field(default=None)

    def cut(self, values: NDArray[np.float32]) -> Cut:
        """Where a tensor's weights are cut."""
        if self.threshold is not None:
            return Cut(np.float32(self.threshold))
        pruned = self.pruned
        if pruned is None:
            pruned = round(self.sparsity * values.size)
            if self.scope == "lamp":
                pruned = min(pruned, max(values.size - 1, 0))
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
        if keep.all():
            return tensor
        return replace(tensor.masked(keep), is_open=tensor.mask is None)

    @classmethod
    def agree(
        cls,
        wishes: Mapping[str, Self],
        tensors: Mapping[str, CompressedTensor],
        sites: Mapping[str, Site],  # noqa: ARG003
    ) -> Mapping[str, Self]:
        """The share of each tensor in a wish over several of them.

        The tensors that wish for the same sparsity and scope form one pool.
        """
        levels = dict(wishes)
        pools: dict[tuple[str, float], list[str]] = {}
        for path, wish in wishes.items():
            if wish.scope in _SHARES and wish.threshold is None and wish.sparsity:
                pools.setdefault((wish.scope, wish.sparsity), []).append(path)
        for (scope, sparsity), paths in pools.items():
            indexes = [index_of(tensors[path].dense) for path in paths]
            shares = _SHARES[scope](indexes, sparsity)
            for path, share in zip(paths, shares, strict=True):
                levels[path] = replace(levels[path], pruned=share)
        return levels


_SHARES = {"global": global_shares, "lamp": lamp_shares}
