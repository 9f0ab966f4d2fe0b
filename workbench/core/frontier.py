"""The best choice of levels for every budget at once, by dynamic programming.

Kernel by kernel the best sums of errors for each sum of costs are kept:
``D_l[B] = min over k of D_{l-1}[B - cost_k] + error_k``. Costs are exact; of the points
that crowd together, by less than a thousandth of the way, the best one stays. So one
run answers every budget by going back through its choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MOST_POINTS = 4096


@dataclass(frozen=True, eq=False)
class Frontier:
    """What is best for each budget.

    Attributes:
        costs: Sums of costs, rising.
        errors: The least sum of errors at each, falling.
        choices: For each kernel, for each point after it: the point before it, and the
            number of its level; int32, (2, points).
    """

    costs: NDArray[np.float64]
    errors: NDArray[np.float64]
    choices: tuple[NDArray[np.int32], ...]

    def point(self, budget: float) -> int:
        """The best point that costs no more than a budget; the cheapest of all else."""
        return max(int(np.searchsorted(self.costs, budget, side="right")) - 1, 0)

    def levels(self, point: int) -> list[int]:
        """The number of each kernel's level at a point."""
        picked: list[int] = []
        for choice in reversed(self.choices):
            point, level = (int(number) for number in choice[:, point])
            picked.append(level)
        return picked[::-1]


def frontier(
    costs: Sequence[NDArray[np.float64]], errors: Sequence[NDArray[np.float64]]
) -> Frontier:
    """The best choices of one level a kernel.

    Args:
        costs: Of each kernel's levels, at least one, not negative.
        errors: Of the same.
    """
    cost, error = np.zeros(1), np.zeros(1)
    choices: list[NDArray[np.int32]] = []
    for own_cost, own_error in zip(costs, errors, strict=True):
        # A level that another beats is in no best choice.
        own = _best(own_cost, own_error)
        sums = (cost[:, None] + own_cost[own]).ravel()
        lost = (error[:, None] + own_error[own]).ravel()
        kept = _thinned(sums, _best(sums, lost))
        before, level = np.divmod(kept, own.size)
        choices.append(np.stack([before, own[level]]).astype(np.int32))
        cost, error = sums[kept], lost[kept]
    return Frontier(cost, error, tuple(choices))


def _best(costs: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.intp]:
    """The points that no cheaper one beats, by rising cost."""
    order = np.lexsort((errors, costs))
    falling = np.minimum.accumulate(errors[order])
    is_better = np.concatenate([[True], falling[1:] < falling[:-1]])
    return order[is_better]


def _thinned(costs: NDArray[np.float64], kept: NDArray[np.intp]) -> NDArray[np.intp]:
    """The best of points that crowd together, by rising cost."""
    if kept.size <= MOST_POINTS:
        return kept
    ways = np.log1p(costs[kept])
    span = max(float(ways[-1] - ways[0]), np.finfo(np.float64).tiny)
    places = np.floor((ways - ways[0]) / span * (MOST_POINTS - 2))
    # The last one of a place has its least error; the cheapest of all must stay.
    is_last = np.concatenate([places[1:] > places[:-1], [True]])
    is_last[0] = True
    return kept[is_last]
