"""The compiled loops of `workbench.core.obs`: elimination of one row after the other.

Taking weight p out of ``H^-1`` is a step of Cholesky's factorization of it, with the
pivot that costs least. So the steps of a block are kept as vectors u, from which a
column is made when it is asked for; after the block all are subtracted from what is
left of the matrix at once, while it is packed together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.core.compiled import compiled

_compiled: Any = compiled(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"}
)
_BLOCK = 32
_FOUR = 4


@_compiled
def eliminate(weights: Any, inverse: Any, order: Any, losses: Any) -> None:
    """Eliminate every weight of some rows; see `workbench.core.obs.eliminate`."""
    count = weights.shape[1]
    matrix = np.empty_like(inverse)
    steps = np.empty((_BLOCK, count))
    for row in range(weights.shape[0]):
        matrix[:] = inverse
        names: Any = np.empty(count, np.int64)
        names[:] = np.arange(count)
        # What is left of the weights, and the diagonal of what is left of H^-1.
        now: Any = np.empty((2, count))
        now[0], now[1] = weights[row], np.diag(inverse)
        done = 0
        while done < count:
            taken = min(_BLOCK, count - done)
            alive = np.ones(count - done, np.bool_)
            for k in range(taken):
                p = _cheapest(now, alive)
                order[row, done + k] = names[p]
                losses[row, done + k] = now[0, p] * now[0, p] / now[1, p]
                _take_out(p, k, matrix, steps, now)
                alive[p] = False
            places = np.flatnonzero(alive)
            _pack(places, taken, matrix, steps)
            names = names[places]
            now = now[:, places]
            done += taken


@_compiled
def _cheapest(now: Any, alive: Any) -> Any:
    """The weight with the least ``w^2 / [H^-1]_pp``."""
    left, spread = now[0], now[1]
    best, least = -1, np.inf
    for p in range(left.size):
        if alive[p]:
            loss = left[p] * left[p] / spread[p]
            if best < 0 or loss < least:
                best, least = p, loss
    return best


@_compiled
def _take_out(p: Any, k: Any, matrix: Any, steps: Any, now: Any) -> None:
    """Take out one weight: ``u = [H^-1]_p / sqrt([H^-1]_pp)``."""
    left, spread = now[0], now[1]
    size = left.size
    column = steps[k, :size]
    for j in range(p + 1):
        column[j] = matrix[p, j]
    for j in range(p + 1, size):
        column[j] = matrix[j, p]
    for t in range(k):
        earlier = steps[t, :size]
        factor = earlier[p]
        for j in range(size):
            column[j] -= factor * earlier[j]
    root = np.sqrt(spread[p])
    move = left[p] / root
    for j in range(size):
        column[j] /= root
        left[j] -= move * column[j]
        # Rounding must not make a variance vanish.
        spread[j] = max(spread[j] - column[j] * column[j], 1e-12 * spread[j])


@_compiled
def _pack(places: Any, taken: Any, matrix: Any, steps: Any) -> None:
    """Subtract a block's steps from what is left, and move that to the front."""
    size = places.size
    kept = np.zeros((_BLOCK, size), matrix.dtype)
    for t in range(taken):
        for j in range(size):
            kept[t, j] = steps[t, places[j]]
    row = np.empty(size, matrix.dtype)
    for i in range(size):
        whole = matrix[places[i]]
        for j in range(i + 1):
            row[j] = whole[places[j]]
        for t in range(0, _BLOCK, _FOUR):
            a, b, c, d = kept[t, i], kept[t + 1, i], kept[t + 2, i], kept[t + 3, i]
            one, two, three, four = kept[t], kept[t + 1], kept[t + 2], kept[t + 3]
            for j in range(i + 1):
                row[j] -= a * one[j] + b * two[j] + c * three[j] + d * four[j]
        matrix[i, : i + 1] = row[: i + 1]
