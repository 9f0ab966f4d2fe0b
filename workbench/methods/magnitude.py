"""Magnitude pruning: the smallest weights become zero.

``keep = |w| >= T``; threshold T and sparsity are two faces of one knob. Source: Han et
al. 2015, arXiv 1506.02626.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.knob import knob
from workbench.core.step import TensorStep, steps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from workbench.core.tensor import CompressedTensor, Site


@steps.add("magnitude")
@dataclass(frozen=True)
class Magnitude(TensorStep):
    """Prune by magnitude, to a sparsity or below a threshold.

    Attributes:
        sparsity: Fraction of weights to prune; the nearest number of weights is.
        threshold: Prune where ``|w| < threshold``; where set it is what counts.
        scope: ``tensor`` prunes each tensor to the sparsity; ``global`` uses one
            threshold over all tensors that ask for it, for the sparsity of them all.
    """

    name: ClassVar[str] = "magnitude"
    phase: ClassVar[int] = 10

    sparsity: float = knob(0.0, low=0.0, high=0.999, excludes="threshold")
    threshold: float | None = knob(
        None, kind="float", low=0.0, high=1e6, scale="log", excludes="sparsity"
    )
    scope: str = knob("tensor", choices=("tensor", "global"))

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:  # noqa: ARG002
        """Mask the small weights; with nothing to prune, the tensor as it is."""
        magnitude = np.abs(tensor.dense)
        if self.threshold is not None:
            keep = magnitude >= np.float32(self.threshold)
        else:
            keep = _largest(magnitude, round(self.sparsity * magnitude.size))
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
            flat = [np.abs(tensors[path].dense).ravel() for path in paths]
            keep = _largest(
                np.concatenate(flat), round(sparsity * sum(part.size for part in flat))
            )
            ends = np.cumsum([part.size for part in flat])[:-1]
            for path, part in zip(paths, np.split(keep, ends), strict=True):
                share = 1.0 - np.count_nonzero(part) / part.size
                levels[path] = cls(sparsity=min(share, 0.999))
        return levels


def _largest(magnitude: np.ndarray, pruned: int) -> np.ndarray:
    """True for all but the smallest `pruned` entries; ties fall in index order."""
    keep = np.ones(magnitude.size, np.bool_)
    flat = magnitude.ravel()
    if pruned:
        cut = np.partition(flat, pruned - 1)[pruned - 1]
        keep[flat < cut] = False
        ties = np.flatnonzero(flat == cut)
        keep[ties[: pruned - np.count_nonzero(flat < cut)]] = False
    return keep.reshape(magnitude.shape)
