"""How many weights each of several kernels keeps as factors, within one sum of them.

Each kernel offers points: so many weights for so much error, relative to its own
outputs. Only those on the lower convex hull are worth their weights, and along it each
further weight brings less; so the steepest pieces of all hulls are taken first, until
the sum is spent: the least sum of errors there is for what was spent. What is left over
goes to the one kernel after the other that it serves best, on the hull or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Points = tuple[NDArray[np.float64], NDArray[np.float64]]


def allocated(offers: Sequence[Points], budget: float) -> list[int]:
    """Which point of each kernel is taken.

    Args:
        offers: Weights and error of each point of each kernel, arrays of one length.
        budget: Weights that all may have together; where not even the points with the
            fewest do, those are taken.

    Returns:
        The place of one point for each kernel.
    """
    hulls = [_hull(*points) for points in offers]
    steps = [0] * len(hulls)
    left = budget - sum(float(w[hull[0]]) for (w, _), hull in _pairs(offers, hulls))
    pieces: list[tuple[float, int, float]] = []
    for kernel, (points, hull) in enumerate(_pairs(offers, hulls)):
        weights, errors = (np.diff(values[hull]) for values in points)
        slopes = zip((errors / weights).tolist(), weights.tolist(), strict=True)
        pieces += [(slope, kernel, more) for slope, more in slopes]
    is_closed = [False] * len(hulls)
    for _, kernel, more in sorted(pieces):
        is_closed[kernel] |= more > left
        if not is_closed[kernel]:
            left -= more
            steps[kernel] += 1
    taken = [hull[step] for hull, step in zip(hulls, steps, strict=True)]
    return _filled(offers, taken, left)


def _filled(offers: Sequence[Points], taken: list[int], left: float) -> list[int]:
    """Points with less error for the weights that are left over, one after another."""
    while True:
        best = (0.0, 0, 0)
        for kernel, (weights, errors) in enumerate(offers):
            here = taken[kernel]
            fits = weights <= weights[here] + max(left, 0.0)
            place = int(np.argmin(np.where(fits, errors, np.inf)))
            best = max(best, (float(errors[here] - errors[place]), kernel, place))
        won, kernel, place = best
        if not won > 0:
            return taken
        weights = offers[kernel][0]
        left -= float(weights[place] - weights[taken[kernel]])
        taken[kernel] = place


def _pairs(
    offers: Sequence[Points], hulls: list[list[int]]
) -> Iterator[tuple[Points, list[int]]]:
    return zip(offers, hulls, strict=True)


def _hull(weights: NDArray[np.float64], errors: NDArray[np.float64]) -> list[int]:
    """Places of the points on the lower convex hull, with more and more weights."""
    order = np.lexsort((errors, weights))
    least = np.minimum.accumulate(errors[order])
    is_better = np.append(True, least[1:] < least[:-1])
    hull: list[int] = []
    for place in order[is_better].tolist():
        while len(hull) > 1 and _is_above(hull[-1], hull[-2], place, weights, errors):
            hull.pop()
        if hull and weights[hull[-1]] == weights[place]:
            hull.pop()
        hull.append(place)
    return hull


def _is_above(
    middle: int,
    first: int,
    last: int,
    weights: NDArray[np.float64],
    errors: NDArray[np.float64],
) -> bool:
    """Whether a point lies on the line between two others, or above it."""
    run, whole = weights[middle] - weights[first], weights[last] - weights[first]
    fall = errors[last] - errors[first]
    return bool((errors[middle] - errors[first]) * whole >= fall * run)


def shared(
    wishes: Mapping[str, Any], offer: Callable[[str, Any], Points | None]
) -> dict[str, int]:
    """The point of each kernel that shares a wish for a rank with others.

    Args:
        wishes: Steps by path; those of the same rank that are ``global`` form a pool,
            with those that take the plain form because nothing saw their inputs.
        offer: The points of a kernel, the last of which is the kernel as it is; None
            where it takes no part.
    """
    pools: dict[float, dict[str, Points]] = {}
    for path, wish in wishes.items():
        points = None if wish.scope != "global" or wish.is_idle else offer(path, wish)
        if points is not None:
            pools.setdefault(wish.rank, {})[path] = points
    found: dict[str, int] = {}
    for share, offers in pools.items():
        whole = sum(float(weights[-1]) for weights, _ in offers.values())
        places = allocated(list(offers.values()), share * whole)
        found |= dict(zip(offers, places, strict=True))
    return found
