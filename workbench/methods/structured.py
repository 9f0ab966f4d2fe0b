"""Structured pruning: whole channels and units go, with all that hangs on them.

The model that is saved is smaller by them. See `workbench.core.groups` for what moves
together, and `workbench.core.elimination` for the order in which it goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.elimination import elimination
from workbench.core.groups import groups_of, is_taking
from workbench.core.knob import knob
from workbench.core.step import TensorStep, steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.core.groups import Group
    from workbench.core.tensor import CompressedTensor, Site

Removed = tuple[tuple[int, tuple[int, ...]], ...]


@steps.add("structured")
@dataclass(frozen=True)
class Structured(TensorStep):
    """Take out whole channels until a share of the weights is gone.

    Attributes:
        sparsity: Share of the weights of all tensors that ask for the same one; at
            least one channel of each group stays.
        score: ``obs`` takes those first whose loss the others can make up for best, by
            what calibration saw; ``taylor`` those that the loss hangs on least, to
            first order; ``norm`` those that are made of the smallest weights.
        removed: Entries to take out along each axis, once tensors have agreed on them;
            no knob.
    """

    name: ClassVar[str] = "structured"
    phase: ClassVar[int] = 3

    sparsity: float = knob(0.0, low=0.0, high=0.99)
    score: str = knob("obs", choices=("obs", "taylor", "norm"))
    removed: Removed = field(default=())

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:  # noqa: ARG002
        """Mask what is taken out; with nothing to take out, the tensor as it is."""
        if not self.removed:
            return tensor
        keep = np.ones(tensor.dense.shape, np.bool_)
        for axis, places in self.removed:
            np.moveaxis(keep, axis, 0)[list(places)] = False
        return tensor.masked(keep)

    @classmethod
    def agree(
        cls,
        wishes: Mapping[str, Structured],
        tensors: Mapping[str, CompressedTensor],
        sites: Mapping[str, Site],
    ) -> Mapping[str, TensorStep]:
        """Which channels go, over all groups whose kernels wish for it.

        What moves together goes by the least wish of the kernels that make it. Those
        that only take its channels lose them without a wish of their own.
        """
        removed: dict[str, dict[int, list[int]]] = {}
        pools: dict[float, list[Group]] = {}
        for group in groups_of(sites[path] for path in wishes):
            share = _share(group, wishes, sites)
            if share:
                pools.setdefault(share, []).append(group)
        for share, groups in pools.items():
            for number, channel in _chosen(share, groups, wishes, tensors, sites):
                for part in groups[number].parts:
                    if part.path in sites:
                        along = removed.setdefault(part.path, {})
                        along.setdefault(part.axis, []).extend(part.index[channel])
        levels = dict(wishes)
        for path, axes in removed.items():
            told = tuple((axis, tuple(sorted(map(int, axes[axis])))) for axis in axes)
            levels[path] = replace(levels.get(path, cls()), removed=told)
        return levels

    def plain(self) -> Structured:
        """The same by the norm alone."""
        return replace(self, score="norm")

    @property
    def needs_slopes(self) -> bool:
        """Whether channels are chosen by the loss."""
        return self.score == "taylor"

    def falls_short(self, site: Site) -> str | None:
        """Without the loss on training data the norm decides."""
        is_seen = site.slopes is not None or not is_taking(site)
        return None if is_seen or not self.needs_slopes else "structure.no_slopes"

    def refuses(self, site: Site) -> str | None:
        """Why no channel of a kernel can go, where none can."""
        return None if site.groups else site.bound


def _share(
    group: Group, wishes: Mapping[str, Structured], sites: Mapping[str, Site]
) -> float:
    """The least wish of the kernels that make a group; 0 where it has to stay."""
    kernels = group.paths("makes", "takes", "follows")
    makers = [path for path in group.paths("makes") if path in sites]
    can = all(sites[path].can for path in kernels if path in sites)
    if not can or not all(path in wishes for path in makers):
        return 0.0
    return min((wishes[path].sparsity for path in makers), default=0.0)


def _chosen(
    share: float,
    groups: Sequence[Group],
    wishes: Mapping[str, Structured],
    tensors: Mapping[str, CompressedTensor],
    sites: Mapping[str, Site],
) -> list[tuple[int, int]]:
    """Number of group and channel of all that go for a share."""
    weights = {
        path: tensors[path].dense
        for group in groups
        for path in group.paths("makes", "takes", "follows")
        if path in sites
    }
    asking = sorted(path for path, one in wishes.items() if one.sparsity == share)
    # A kernel whose inputs were not seen wishes for the norm, whatever was asked.
    asked = {wishes[path].score for path in asking}
    score = next(one for one in ("obs", "taylor", "norm") if one in asked)
    found = elimination(groups, weights, sites, score=score, wished=asking)
    group, channel = found.at(share)
    return list(zip(group.tolist(), channel.tolist(), strict=True))
