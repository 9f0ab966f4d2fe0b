"""Optimal brain surgeon: prune what the other weights make up for best.

See `workbench.core.obs` for the order in which weights go. The step only chooses; the
step ``reconstruct`` after it refits what is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.knob import knob
from workbench.core.obs import TOO_WIDE, elimination_of, is_too_wide
from workbench.core.step import TensorStep, steps
from workbench.methods.magnitude import Magnitude

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor, Site


@dataclass(frozen=True)
class StandIn(Magnitude):
    """Magnitude pruning where what a kernel sees is not known.

    A class of its own: these tensors agree among themselves, apart from those for which
    the recipe asks for magnitude pruning.
    """


@steps.add("obs")
@dataclass(frozen=True)
class Surgeon(TensorStep):
    """Prune by what a weight costs once all others are refitted.

    Attributes:
        sparsity: Fraction of weights to prune; the nearest number of weights is.
        scope: ``global`` shares the sparsity between all tensors that ask for it, so
            that the relative errors of their layers add up to the least; ``tensor``
            prunes each tensor to it.
        pruned: Number of weights to prune where tensors have agreed on it; no knob.
    """

    name: ClassVar[str] = "obs"
    phase: ClassVar[int] = 10

    sparsity: float = knob(0.0, low=0.0, high=0.999)
    scope: str = knob("global", choices=("tensor", "global"))
    pruned: int | None = field(default=None)

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """Mask what goes first; with nothing to prune, the tensor as it is."""
        if site.gram is None:
            return self.plain().apply(tensor, site)
        pruned = self.pruned
        if pruned is None:
            pruned = round(self.sparsity * site.parameters)
        if not pruned:
            return tensor
        ranks = elimination_of(tensor.start, site).ranks
        if tensor.mask is None:
            return tensor.masked(ranks >= pruned)
        # What an earlier step has pruned counts.
        return tensor.masked(_first(ranks, ~tensor.mask) >= pruned)

    @classmethod
    def agree(
        cls,
        wishes: Mapping[str, Self],
        tensors: Mapping[str, CompressedTensor],
        sites: Mapping[str, Site],
    ) -> Mapping[str, Self]:
        """The share of each tensor in a wish over several of them."""
        levels = dict(wishes)
        pools: dict[float, list[str]] = {}
        for path, wish in wishes.items():
            is_shared = wish.scope == "global" and wish.sparsity
            if is_shared and sites[path].gram is not None:
                pools.setdefault(wish.sparsity, []).append(path)
        for sparsity, paths in pools.items():
            costs = [
                elimination_of(tensors[path].start, sites[path]).costs[:-1]
                for path in paths
            ]
            wanted = round(sparsity * sum(sites[path].parameters for path in paths))
            for path, share in zip(paths, _shares(costs, wanted), strict=True):
                levels[path] = replace(levels[path], pruned=share)
        return levels

    def falls_short(self, site: Site) -> str | None:
        """Where rows are too long, the order is not exact."""
        return TOO_WIDE if site.gram is not None and is_too_wide(site) else None

    def plain(self) -> StandIn:
        """Magnitude pruning to the same sparsity."""
        scope = "lamp" if self.scope == "global" else "tensor"
        return StandIn(sparsity=self.sparsity, scope=scope)


def _first(ranks: NDArray[np.int32], pruned: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The ranks with what is pruned already before all else."""
    order = np.lexsort((ranks.ravel(), ~pruned.ravel()))
    moved = np.empty(ranks.size, np.int32)
    moved[order] = np.arange(ranks.size, dtype=np.int32)
    return moved.reshape(ranks.shape)


def _shares(costs: list[NDArray[np.float32]], wanted: int) -> list[int]:
    """How many of each tensor's first weights are among the cheapest of all."""
    owners = np.repeat(np.arange(len(costs)), [cost.size for cost in costs])
    cheapest = np.argsort(np.concatenate(costs), kind="stable")[:wanted]
    return np.bincount(owners[cheapest], minlength=len(costs)).tolist()
