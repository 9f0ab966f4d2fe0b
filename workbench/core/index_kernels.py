"""The compiled loops of `workbench.core.index`: a few hundred looks into long arrays.

Where so little is read, what a query costs is the calls around it and the memory that
no cache holds; one loop has few of either.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.core.compiled import compiled

_exact: Any = compiled(nogil=True, cache=True, error_model="numpy")
# Its own types leave arrays of any kind open.
_place: Any = np.searchsorted


@_exact
def code(arrays: Any, ends: Any, pruned: Any, grid: Any, counts: Any) -> Any:
    """Count the weights of each level and add up their errors.

    Args:
        arrays: The sorted weights, and the sums of them and of their squares before
            each block.
        ends: Smallest weight of each level but the first, ascending.
        pruned: Where the pruned weights begin and end.
        grid: Scale (float32), smallest level, and weights in a block.
        counts: Number of weights of each level, to be filled in.

    Returns:
        Sum of the squared errors, and the largest absolute error.
    """
    weights = arrays[0]
    first, last = pruned
    scale, smallest, block = grid
    noise, largest = 0.0, 0.0
    begin, sums = 0, (0.0, 0.0)
    for k in range(counts.size):
        end = weights.size
        if k < ends.size:
            end = begin + _place(weights[begin:], ends[k])
        for part in range(3):
            low, high = (0, first, last)[part], (first, last, weights.size)[part]
            stop = min(end, high)
            if begin < low or stop <= begin:
                continue
            level = 0 if part == 1 else k + smallest
            aim = np.float64(scale * np.float32(level))
            after = _sums_to(arrays, stop, block)
            squares = after[1] - sums[1]
            noise += squares - aim * (2 * (after[0] - sums[0]) - aim * (stop - begin))
            near = abs(np.float64(weights[begin]) - aim)
            far = abs(np.float64(weights[stop - 1]) - aim)
            largest = max(largest, near, far)
            counts[level - smallest] += stop - begin
            begin, sums = stop, after
    return max(noise, 0.0), largest


@_exact
def lamp_below(arrays: Any, positives: Any, block: Any, score: Any) -> Any:
    """Number of weights whose LAMP score is below one, by bisection.

    The smallest magnitudes are some negative weights and some others, each next to
    zero: where they begin and end gives the energy that is left.

    Args:
        arrays: As for `code`.
        positives: Where the weights begin that are not negative.
        block: Weights in a block.
        score: The score, float32.
    """
    weights, _, squares = arrays
    low, high = 0, weights.size
    while low < high:
        rank = (low + high) // 2
        first = positives - _negatives(weights, positives, rank)
        last = first + rank
        left = _sums_to(arrays, first, block)[1]
        left += squares[-1] - _sums_to(arrays, last, block)[1]
        size = np.float32(np.inf)
        if first > 0:
            size = -weights[first - 1]
        if last < weights.size:
            size = min(size, weights[last])
        energy = np.float64(size) * np.float64(size)
        # What is left is at least this weight's own, but for rounding.
        share = energy / max(left, energy) if energy > 0 else 0.0
        if np.float32(share) < score:
            low = rank + 1
        else:
            high = rank
    return low


@_exact
def _negatives(weights: Any, positives: Any, rank: Any) -> Any:
    """How many of so many smallest magnitudes are those of negative weights."""
    low = max(0, rank - (weights.size - positives))
    high = min(rank, positives)
    while low < high:
        taken = (low + high) // 2
        # Too few, where the next negative one is smaller than the last other one.
        if -weights[positives - taken - 1] < weights[positives + rank - taken - 1]:
            low = taken + 1
        else:
            high = taken
    return low


@_exact
def _sums_to(arrays: Any, place: Any, block: Any) -> Any:
    """Sums of the weights, and of their squares, before a place."""
    weights, sums, squares = arrays
    at = place // block
    total, energy = sums[at], squares[at]
    for i in range(at * block, place):
        value = np.float64(weights[i])
        total += value
        energy += value * value
    return total, energy
