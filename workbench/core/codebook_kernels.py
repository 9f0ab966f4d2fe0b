"""The compiled loops of `workbench.core.codebooks`, over rows of weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.core.compiled import compiled

_compiled: Any = compiled(nogil=True, cache=True, error_model="numpy")
_STRIP = 4096
_ROUNDS = 100


@_compiled
def find_tables(
    ordered: Any, importance: Any, counts: Any, points: Any, tables: Any
) -> int:
    """The table of each row; see `workbench.core.codebooks.codebook_of`.

    Args:
        ordered: Rows of weights; the first ``counts[r]`` of each count, ascending.
        importance: How much each counts, float64, or no columns where all do alike.
        counts: How many weights of each row count.
        points: Most points of the exact search, and of its polish.
        tables: Written: ascending, the last entry repeated where fewer do.

    Returns:
        The most entries that a row needs.
    """
    most = 1
    for r in range(ordered.shape[0]):
        x = ordered[r, : counts[r]]
        weights = importance[r, : counts[r]] if importance.shape[1] else importance[r]
        used = _distinct(x, tables[r])
        if used > tables.shape[1]:
            used = _find_table(x, weights, points, tables[r])
        most = max(most, used)
    return most


@_compiled
def _distinct(x: Any, table: Any) -> int:
    """Fill a table with the distinct values; one more than its entries if too many."""
    table[:] = 0
    used = 0
    for i in range(x.size):
        if i == 0 or x[i] != x[i - 1]:
            if used == table.size:
                return used + 1
            table[used:] = x[i]
            used += 1
    return used


@_compiled
def _find_table(x: Any, weights: Any, points: Any, table: Any) -> int:
    coarse, fine = points
    # About the median, as the difference of squares would cancel far from zero.
    centre = np.float64(x[x.size // 2])
    sums = _points(x, weights, centre, fine)
    ends = _groups(sums, coarse)
    grouped = sums[:, ends]
    cuts = ends[_best_cuts(grouped, table.size)]
    cuts = _polished(sums, cuts)
    used = 0
    for part in range(table.size):
        low, high = cuts[part], cuts[part + 1]
        mass = sums[0, high] - sums[0, low]
        if high > low and mass > 0:
            table[used:] = np.float32(centre + (sums[1, high] - sums[1, low]) / mass)
            used += 1
    return used


@_compiled
def _points(x: Any, weights: Any, centre: float, most: int) -> Any:
    """Sums of weight, weight times value and times square before each point.

    Neighbours of alike value are one point where there are more than so many: half of
    the points are evenly spread over the range, half over the weights.
    """
    is_short = x.size <= most
    width = (np.float64(x[-1]) - np.float64(x[0])) / (most // 2)
    share = x.size / (most // 2)
    sums = np.zeros((3, min(x.size, most + 2) + 1))
    count, last_place, last_value = 0, 0, x[0]
    for i in range(x.size):
        is_far = (
            is_short
            or i - last_place >= share
            or np.float64(x[i]) - np.float64(last_value) >= width
        )
        if i == 0 or (is_far and x[i] != x[i - 1]):
            count += 1
            sums[:, count] = sums[:, count - 1]
            last_place, last_value = i, x[i]
        mass = weights[i] if weights.size else 1.0
        value = np.float64(x[i]) - centre
        sums[0, count] += mass
        sums[1, count] += mass * value
        sums[2, count] += mass * value * value
    return sums[:, : count + 1]


@_compiled
def _groups(sums: Any, most: int) -> Any:
    """Where groups of points end, all of alike mass or range; 0 first."""
    points = int(sums.shape[1] - 1)
    if points <= most:
        return np.arange(points + 1)
    low, high = _mean(sums, 0, 1), _mean(sums, points - 1, points)
    width, share = (high - low) / (most // 2), sums[0, -1] / (most // 2)
    ends = np.zeros(most + 3, np.int64)
    count, start = 0, 0
    for i in range(1, points):
        is_far = _mean(sums, i, i + 1) - _mean(sums, start, start + 1) >= width
        if (is_far or sums[0, i] - sums[0, start] >= share) and count < most:
            count += 1
            ends[count] = start = i
    ends[count + 1] = points
    return ends[: count + 2]


@_compiled
def _mean(sums: Any, low: int, high: int) -> float:
    mass = sums[0, high] - sums[0, low]
    return float((sums[1, high] - sums[1, low]) / mass) if mass > 0 else 0.0


@_compiled
def _error(sums: Any, low: int, high: int) -> float:
    """Least squared error of some points with one value."""
    mass = sums[0, high] - sums[0, low]
    if mass <= 0:
        return 0.0
    first = sums[1, high] - sums[1, low]
    return max(sums[2, high] - sums[2, low] - first * first / mass, 0.0)


@_compiled
def _best_cuts(sums: Any, parts: int) -> Any:
    """Where to cut points into parts of the least squared error, exactly.

    The best last cut moves up with the number of points: each is searched between
    those of its neighbours that are known already.
    """
    count = sums.shape[1] - 1
    best = np.zeros(count + 1)
    for j in range(count + 1):
        best[j] = _error(sums, 0, j)
    last_cuts = np.zeros((parts, count + 1), np.int64)
    for part in range(1, parts):
        best = _one_part_more(sums, best, last_cuts[part])
    found = np.zeros(parts + 1, np.int64)
    found[parts] = count
    for part in range(parts - 1, 0, -1):
        found[part] = last_cuts[part, found[part + 1]]
    return found


@_compiled
def _one_part_more(sums: Any, best: Any, cuts: Any) -> Any:
    """The least errors of the first points with one part more; writes its cuts."""
    count = best.size - 1
    now = np.zeros(count + 1)
    step = 1
    while step <= count:
        step *= 2
    while step:
        for j in range(step, count + 1, 2 * step):
            low = cuts[j - step]
            high = min(cuts[j + step], j) if j + step <= count else j
            least, where = np.inf, low
            for i in range(low, high + 1):
                error = best[i] + _error(sums, i, j)
                if error < least:
                    least, where = error, i
            now[j], cuts[j] = least, where
        step //= 2
    return now


@_compiled
def _polished(sums: Any, cuts: Any) -> Any:
    """Cuts moved halfway between means until they stay: Lloyd's steps."""
    cuts = cuts.copy()
    for _ in range(_ROUNDS):
        has_moved = False
        before = _mean(sums, cuts[0], cuts[1])
        for part in range(1, cuts.size - 1):
            after = _mean(sums, cuts[part], cuts[part + 1])
            low, high = cuts[part - 1], cuts[part + 1]
            middle = before / 2 + after / 2
            while low < high:
                i = (low + high) // 2
                if _mean(sums, i, i + 1) <= middle:
                    low = i + 1
                else:
                    high = i
            if low != cuts[part] and cuts[part - 1] < low < cuts[part + 1]:
                cuts[part], has_moved = low, True
            before = after
        if not has_moved:
            break
    return cuts


@_compiled
def find_indexes(
    rows: Any, borders: Any, tables: Any, indexes: Any, dense: Any
) -> None:
    """The entry that lies nearest to each weight, and its value.

    Args:
        rows: Weights.
        borders: Between neighbouring entries: a weight above goes to the upper one.
            Infinite ones at the end make their number one less than a power of two.
        tables: Entries, ascending.
        indexes: Written, uint8.
        dense: Written, float32.
    """
    for r in range(rows.shape[0]):
        border, table = borders[r], tables[r]
        for start in range(0, rows.shape[1], _STRIP):
            x = rows[r, start : start + _STRIP]
            index = indexes[r, start : start + _STRIP]
            value = dense[r, start : start + _STRIP]
            index[:] = 0
            # Step by step for all weights, so that none waits for its own search.
            half = (border.size + 1) // 2
            while half:
                for c in range(x.size):
                    if x[c] > border[index[c] + half - 1]:
                        index[c] += half
                half //= 2
            for c in range(x.size):
                value[c] = table[index[c]]
