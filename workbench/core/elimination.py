"""In which order channels go: the least harm for each weight saved, one at a time.

What a channel's loss harms says `workbench.core.harm`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from workbench.core.harm import SCORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.groups import Group
    from workbench.core.harm import Harm, Weights
    from workbench.core.tensor import Site

# Wide groups lose several channels at a time.
_ROUNDS = 256


@dataclass(frozen=True, eq=False)
class Elimination:
    """The order in which the channels of some groups go, for every share at once.

    Attributes:
        group: Number of the group of each that goes, in this order.
        channel: Its number in the group.
        saved: Weights of the wished tensors that are saved so far, ascending.
        total: Weights of the wished tensors.
    """

    group: NDArray[np.intp]
    channel: NDArray[np.intp]
    saved: NDArray[np.int64]
    total: int

    def at(self, share: float) -> tuple[NDArray[np.intp], ...]:
        """Group and channel of all that go for a share of the weights.

        Args:
            share: Fraction of the weights to save, 0 to 1; the nearest one is.
        """
        if not self.saved.size:
            return self.group, self.channel
        wanted = share * self.total
        ends = np.concatenate([[0], self.saved])
        count = int(np.abs(ends - wanted).argmin())
        return self.group[:count], self.channel[:count]


def elimination(
    groups: Sequence[Group],
    weights: Weights,
    sites: Mapping[str, Site],
    *,
    score: str,
    wished: Sequence[str],
) -> Elimination:
    """The order for some groups; kept for as long as the first of them is.

    Args:
        groups: Whose channels may go; one of each stays.
        weights: The kernels in the groups.
        sites: Their places, with Gram matrices where known.
        score: One of `workbench.core.harm.SCORES`.
        wished: The kernels whose weights count as saved.
    """
    if not groups:
        none = np.zeros(0, np.intp)
        return Elimination(none, none, none.astype(np.int64), 1)
    paths = sorted(weights)
    given = (
        *groups,
        *(weights[path] for path in paths),
        *(gram for path in paths if (gram := sites[path].gram) is not None),
        *(seen for path in paths if (seen := sites[path].slopes) is not None),
    )
    known = _KEPT.setdefault(groups[0], {})
    kept = known.get((score, tuple(wished)))
    if kept is None or not kept.is_of(given):
        harm = SCORES[score](groups, weights, sites)
        found = _ordered(groups, harm, sites, wished)
        kept = _Kept(tuple(map(ref, given)), found)
        known[score, tuple(wished)] = kept
    return kept.found


@dataclass(frozen=True, eq=False)
class _Kept:
    """An order, and what it was found for, for as long as that is there."""

    given: tuple[ref[Any], ...]
    found: Elimination

    def is_of(self, given: Sequence[object]) -> bool:
        return len(given) == len(self.given) and all(
            mine() is other for mine, other in zip(self.given, given, strict=True)
        )


_KEPT: WeakKeyDictionary[Group, dict[tuple[str, tuple[str, ...]], _Kept]] = (
    WeakKeyDictionary()
)


def _ordered(
    groups: Sequence[Group],
    harm: Harm,
    sites: Mapping[str, Site],
    wished: Sequence[str],
) -> Elimination:
    sizes = _Sizes(groups, sites)
    left = [group.channels for group in groups]
    near = [
        [j for j, other in enumerate(groups) if _meet(group, other)] for group in groups
    ]
    errors = [harm.errors(number) for number in range(len(groups))]
    total = saved = sizes.of(wished)
    order: list[tuple[int, int, int]] = []
    while any(count > 1 for count in left):
        prices = [
            found.min() / sizes.saving(number) if left[number] > 1 else np.inf
            for number, found in enumerate(errors)
        ]
        number = int(np.argmin(prices))
        most = max(1, groups[number].channels // _ROUNDS)
        chosen = np.argsort(errors[number], kind="stable")
        chosen = chosen[: min(most, left[number] - 1)]
        harm.lose(number, chosen)
        left[number] -= len(chosen)
        for channel in chosen.tolist():
            sizes.lose(number)
            saved = sizes.of(wished)
            order.append((number, channel, total - saved))
        for other in near[number]:
            errors[other] = harm.errors(other)
    table = np.array(order, np.int64).reshape(-1, 3)
    return Elimination(
        table[:, 0].astype(np.intp), table[:, 1].astype(np.intp), table[:, 2], total
    )


def _meet(one: Group, two: Group) -> bool:
    return not {p.path for p in one.parts}.isdisjoint(p.path for p in two.parts)


class _Sizes:
    """How many weights are left of each kernel: the product of what its axes have."""

    def __init__(self, groups: Sequence[Group], sites: Mapping[str, Site]) -> None:
        self._shapes = {path: list(site.shape) for path, site in sites.items()}
        self._takes = [
            [
                (part.path, part.axis, part.index.shape[1])
                for part in group.parts
                if part.path in sites
            ]
            for group in groups
        ]

    def of(self, paths: Sequence[str]) -> int:
        """Weights left of some kernels."""
        return sum(math.prod(self._shapes[path]) for path in paths)

    def saving(self, number: int) -> int:
        """Weights that go with the next channel of a group."""
        paths = sorted({path for path, _, _ in self._takes[number]})
        before = self.of(paths)
        self.lose(number)
        after = self.of(paths)
        self.lose(number, -1)
        return before - after

    def lose(self, number: int, channels: int = 1) -> None:
        """A channel of a group goes."""
        for path, axis, entries in self._takes[number]:
            self._shapes[path][axis] -= entries * channels
