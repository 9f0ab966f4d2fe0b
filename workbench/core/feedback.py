"""Rounding to a grid with feedback: each weight's error moves the ones after it.

Columns go by falling ``H_jj``. With U the upper Cholesky factor of ``H^-1``, the error
``e_j = (w_j - q_j) / U_jj`` of column j moves the later ones by ``-e_j U_j``, and what
a row has lost in the end is ``(w - w') H (w - w') = sum of e_j^2``, which tells the
better of two ranges. Source: Frantar et al. 2023, arXiv 2210.17323.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from weakref import finalize

import numpy as np

from workbench.core.compiled import compiled
from workbench.core.fused import in_parts
from workbench.core.inverse import inverses_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.core.affine import Grid

    Matrices = NDArray[np.float64]

# Of the range that has the least error without feedback, which takes up some of it.
RANGE_FACTORS = (1.0, 0.7, 0.8, 0.9, 1.1, 1.2, 1.3)
_BLOCK = 32
_FOUR = 4
# Of a matrix's largest eigenvalue, what each has at least.
_EDGE = 1e-10
# Multiplications below which threads take longer to start than they save.
_SMALL = 2_000_000
_compiled: Any = compiled(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract"}
)
# Its own types leave the result open.
_linalg = cast("Any", np.linalg)


def round_with_feedback(
    weights: Matrices, kept: NDArray[np.bool_], hessian: Matrices, grid: Grid
) -> Matrices:
    """Integers of a grid; pruned weights are rounded to zero.

    Args:
        weights: (groups, outputs, inputs), float64.
        kept: Which are not pruned, shape of `weights`.
        hessian: ``H``, positive definite, (groups, inputs, inputs).
        grid: With scale and zero point of the shape of `weights`.

    Returns:
        Integers as float64, the zero point added, shape of `weights`.
    """
    return round_in_best_range(weights, kept, hessian, grid, (1.0,))[0]


def round_in_best_range(  # noqa: PLR0913  # options, by name
    weights: Matrices,
    kept: NDArray[np.bool_],
    hessian: Matrices,
    grid: Grid,
    factors: Sequence[float] = RANGE_FACTORS,
    *,
    is_shared: bool = False,
) -> tuple[Matrices, NDArray[np.float32]]:
    """Integers of the grid that leaves the least error of several ranges.

    Args:
        weights: As for `round_with_feedback`.
        kept: The same.
        hessian: The same.
        grid: The same; its scales are multiplied by the factors.
        factors: What to try; of equals the first is taken.
        is_shared: Whether all rows must have the same factor.

    Returns:
        The integers, and the factor of each row (groups, outputs).
    """
    levels = np.zeros_like(weights)
    best = np.full(weights.shape[:2], np.inf)
    chosen = np.ones(weights.shape[:2], np.float32)
    ways = [
        (order, upper, [a[:, order] for a in parts])
        for (order, upper), *parts in zip(
            ways_of(hessian), weights, kept, grid.scale, grid.zero_point, strict=True
        )
    ]
    for factor in factors:
        error = np.empty(weights.shape[:2])
        tried = np.empty_like(weights)
        for group, (order, upper, given) in enumerate(ways):
            found, error[group] = _rounded(given, upper, grid.limits, factor)
            tried[group][:, order] = found
        if is_shared:
            error[:] = error.sum()
        is_better = error < best
        levels[is_better] = tried[is_better]
        chosen[is_better] = factor
        best = np.minimum(best, error)
    return levels, chosen


def ways_of(hessian: Matrices) -> list[tuple[NDArray[np.int64], Matrices]]:
    """In which order the columns go, and U; kept as long as the matrices are there.

    Args:
        hessian: As for `round_with_feedback`, not written to any more.
    """
    key = id(hessian)
    known = _ways.get(key)
    if known is None:
        pairs = zip(inverses_of(hessian), hessian, strict=True)
        known = _ways[key] = [_way(inverse, h) for inverse, h in pairs]
        finalize(hessian, _ways.pop, key, None).atexit = False
    return known


_ways: dict[int, list[tuple[NDArray[np.int64], Matrices]]] = {}


def _way(inverse: Matrices, h: Matrices) -> tuple[NDArray[np.int64], Matrices]:
    order = np.argsort(-np.diag(h), kind="stable")
    places = np.ix_(order, order)
    try:
        lower: Matrices = _linalg.cholesky(inverse[places])
    except np.linalg.LinAlgError:
        lower = _linalg.cholesky(_definite_inverse(h[places]))
    return order, np.ascontiguousarray(lower.T)


def _definite_inverse(h: Matrices) -> Matrices:
    """The inverse of a matrix that rounding has left on the edge of definite."""
    values, vectors = _linalg.eigh(h)
    return (vectors / np.maximum(values, _EDGE * values[-1])) @ vectors.T


def _rounded(
    given: Sequence[NDArray[Any]],
    upper: Matrices,
    limits: tuple[int, int],
    factor: float,
) -> tuple[Matrices, Matrices]:
    """The integers of one group, in the order of the columns, and what rows lost."""
    weights, kept, scale, zero = given
    scale = (scale * np.float32(factor)).astype(np.float64)
    moved = np.array(weights, order="C")
    levels = np.empty_like(moved)
    lost = np.zeros(len(moved))

    def part(rows: slice, _: slice) -> None:
        here = moved[rows], kept[rows], scale[rows], zero[rows]
        _round_rows(here, upper, limits, levels[rows], lost[rows])

    if moved.size * len(upper) < _SMALL:
        part(slice(None), slice(None))
    else:
        in_parts((len(moved), 1), part)
    return levels, lost


@_compiled
def _round_rows(here: Any, upper: Any, limits: Any, levels: Any, lost: Any) -> None:
    """Round column after column; the later ones move once a block is through."""
    weights, kept, scales, zeros = here
    low, high = limits
    width = weights.shape[1]
    e = np.empty(_BLOCK)
    for start in range(0, width, _BLOCK):
        stop = min(start + _BLOCK, width)
        for r in range(len(weights)):
            w, q = weights[r], levels[r]
            for j in range(start, stop):
                scale, zero = scales[r, j], zeros[r, j]
                value = w[j] if kept[r, j] else 0.0
                q[j] = min(max(np.rint(value / scale) + zero, low), high)
                error = (w[j] - (q[j] - zero) * scale) / upper[j, j]
                e[j - start] = error
                lost[r] += error * error
                for k in range(j + 1, stop):
                    w[k] -= error * upper[j, k]
            if stop < width:
                _move(w[stop:], e, upper[start:stop, stop:])


@_compiled
def _move(w: Any, e: Any, upper: Any) -> None:
    """Take the errors of a whole block off the columns behind it."""
    for t in range(0, _BLOCK, _FOUR):
        a, b, c, d = upper[t], upper[t + 1], upper[t + 2], upper[t + 3]
        e0, e1, e2, e3 = e[t], e[t + 1], e[t + 2], e[t + 3]
        for k in range(w.size):
            w[k] -= (e0 * a[k] + e1 * b[k]) + (e2 * c[k] + e3 * d[k])
