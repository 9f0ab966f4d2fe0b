"""The compiled loops of `workbench.core.index`: a few hundred looks into long arrays.

Where so little is read, what a query costs is the calls around it and the memory that
no cache holds; one loop has few of either.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.core.compiled import compiled

_exact: Any = compiled(nogil=True, cache=True, error_model="numpy")
_LEAST, _MOST = np.float32(-np.inf), np.float32(np.inf)


@_exact
def code(arrays: Any, threshold: Any, grid: Any, counts: Any) -> Any:
    """Count the weights of each level and add up their errors.

    Args:
        arrays: The sorted weights, and the sums of them and of their squares before
            each block.
        threshold: Weights with ``|w| < threshold`` are pruned first, float32.
        grid: Scale (float32), smallest level, and weights in a block.
        counts: Number of weights of each level, to be filled in.

    Returns:
        Number of pruned weights, sum of the squared errors, and the largest absolute
        error.
    """
    weights = arrays[0]
    scale, smallest, block = grid
    places = _places(weights, _ends(counts.size, scale, smallest, threshold))
    first, last = places[-2], places[-1]
    noise, largest = 0.0, 0.0
    begin, sums = 0, (0.0, 0.0)
    for k in range(counts.size):
        end = places[k] if k < counts.size - 1 else weights.size
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
    return last - first, max(noise, 0.0), largest


@_exact
def _ends(levels: Any, scale: Any, smallest: Any, threshold: Any) -> Any:
    """Smallest weight of each level but the first, of the pruned, of those above."""
    ends = np.zeros(levels + 1, np.float32)
    for k in range(levels - 1):
        ends[k] = _lower_end(k + 1 + smallest, scale)
    if threshold > 0:
        ends[-2], ends[-1] = np.nextafter(-threshold, _MOST), threshold
    return ends


@_exact
def _lower_end(level: Any, scale: Any) -> Any:
    """The smallest float32 that rounds to a level or above.

    It is where ``rint(w / scale) >= level`` begins to hold, in float32 arithmetic;
    ``(level - 1/2) scale`` is at most a few ulps away.
    """
    aim = np.float32(level)
    end = np.float32((level - 0.5) * np.float64(scale))
    while np.rint(end / scale) < aim:
        end = np.nextafter(end, _MOST)
    below = np.nextafter(end, _LEAST)
    while np.rint(below / scale) >= aim:
        end, below = below, np.nextafter(below, _LEAST)
    return end


@_exact
def _places(weights: Any, ends: Any) -> Any:
    """How many of the sorted weights are below each end.

    All are looked up in step, so that the memory serves many of them at a time.
    """
    places = np.zeros(ends.size, np.int64)
    left = weights.size
    while left > 1:
        half = left // 2
        for k in range(ends.size):
            if weights[places[k] + half - 1] < ends[k]:
                places[k] += half
        left -= half
    if left:
        for k in range(ends.size):
            if weights[places[k]] < ends[k]:
                places[k] += 1
    return places


@_exact
def threshold(weights: Any, positives: Any, pruned: Any) -> Any:
    """The smallest float32 that at least so many magnitudes are below.

    Args:
        weights: The sorted weights.
        positives: Where the weights begin that are not negative.
        pruned: How many, 0 to all.
    """
    if pruned <= 0:
        return np.float32(0)
    taken = _negatives(weights, positives, pruned)
    largest = np.float32(0)
    if taken > 0:
        largest = -weights[positives - taken]
    if pruned > taken:
        largest = max(largest, weights[positives + pruned - taken - 1])
    return np.nextafter(largest, _MOST)


@_exact
def lamp_below(
    arrays: Any, positives: Any, block: Any, scores: Any, between: Any
) -> Any:
    """Number of weights whose LAMP score is below each of some, by bisection.

    The smallest magnitudes are some negative weights and some others, each next to
    zero: where they begin and end gives the energy that is left.

    Args:
        arrays: As for `code`.
        positives: Where the weights begin that are not negative.
        block: Weights in a block.
        scores: The scores in ascending order, float32.
        between: What the numbers are at least, and at most.
    """
    weights, _, squares = arrays
    found = np.empty(scores.size, np.int64)
    low = between[0]
    for k in range(scores.size):
        high = between[1]
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
            if np.float32(share) < scores[k]:
                low = rank + 1
            else:
                high = rank
        found[k] = low
    return found


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
