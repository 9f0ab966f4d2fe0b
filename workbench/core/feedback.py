"""Rounding to a grid with feedback: each weight's error moves the ones after it.

Columns go by falling ``H_jj``. With U the upper Cholesky factor of ``H^-1``, the error
``e_j = (w_j - q_j) / U_jj`` of column j moves the later ones by ``-e_j U_j``, and what
a row has lost in the end is ``(w - w') H (w - w') = sum of e_j^2``, which tells the
better of two ranges. Source: Frantar et al. 2023, arXiv 2210.17323.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numba import njit  # pyright: ignore[reportMissingTypeStubs] # it has none

from workbench.core.inverse import inverses_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.core.affine import Grid

    Matrices = NDArray[np.float64]

# Of the range that has the least error without feedback, which takes up some of it.
RANGE_FACTORS = (1.0, 0.7, 0.8, 0.9, 1.1, 1.2, 1.3)
_BLOCK = 64
_compiled: Any = njit(nogil=True, cache=True, error_model="numpy")
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
    ways = [
        _way(inverse, h)
        for inverse, h in zip(inverses_of(hessian), hessian, strict=True)
    ]
    levels = np.zeros_like(weights)
    best = np.full(weights.shape[:2], np.inf)
    chosen = np.ones(weights.shape[:2], np.float32)
    for factor in factors:
        scale = (grid.scale * np.float32(factor)).astype(np.float64)
        error = np.empty(weights.shape[:2])
        tried = np.empty_like(weights)
        for group, way in enumerate(ways):
            given = (weights[group], kept[group], scale[group], grid.zero_point[group])
            tried[group], error[group] = _rounded(given, way, grid.limits)
        if is_shared:
            error[:] = error.sum()
        is_better = error < best
        levels[is_better] = tried[is_better]
        chosen[is_better] = factor
        best = np.minimum(best, error)
    return levels, chosen


def _way(inverse: Matrices, h: Matrices) -> tuple[NDArray[np.int64], Matrices]:
    """In which order the columns go, and U."""
    order = np.argsort(-np.diag(h), kind="stable")
    lower: Matrices = _linalg.cholesky(inverse[np.ix_(order, order)])
    return order, np.ascontiguousarray(lower.T)


def _rounded(
    given: tuple[NDArray[Any], ...],
    way: tuple[NDArray[np.int64], Matrices],
    limits: tuple[int, int],
) -> tuple[Matrices, Matrices]:
    """The integers of one group, and what each row has lost."""
    order, upper = way
    moved, kept, scale, zero = (np.ascontiguousarray(a[:, order]) for a in given)
    levels = np.empty_like(moved)
    lost = np.zeros(len(moved))
    for start in range(0, len(order), _BLOCK):
        stop = min(start + _BLOCK, len(order))
        errors = np.empty((len(moved), stop - start))
        part = slice(start, stop)
        here = (moved[:, part], kept[:, part], scale[:, part], zero[:, part])
        _round_block(here, upper[part, part], limits, levels[:, part], errors)
        moved[:, stop:] -= errors @ upper[part, stop:]
        lost += np.square(errors).sum(axis=1)
    found = np.empty_like(levels)
    found[:, order] = levels
    return found, lost


@_compiled
def _round_block(here: Any, upper: Any, limits: Any, levels: Any, errors: Any) -> None:
    """Round some columns one after the other, row by row."""
    weights, kept, scales, zeros = here
    low, high = limits
    for r in range(len(weights)):
        w, q, e = weights[r], levels[r], errors[r]
        for j in range(w.size):
            scale, zero = scales[r, j], zeros[r, j]
            value = w[j] if kept[r, j] else 0.0
            q[j] = min(max(np.rint(value / scale) + zero, low), high)
            e[j] = (w[j] - (q[j] - zero) * scale) / upper[j, j]
            for k in range(j + 1, w.size):
                w[k] -= e[j] * upper[j, k]
