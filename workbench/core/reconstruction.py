"""One-shot repair: the weights that change least of what a layer makes.

For rows of weights w over inputs x the error of w' is ``(w - w') H (w - w')`` with
``H = E[x x^T]``. Kept weights are refitted to make it least, and rounding passes each
weight's error on to those that are not rounded yet.

Sources: Hassibi and Stork 1993; Frantar and Alistarh 2022, arXiv 2208.11580; Frantar et
al. 2023, arXiv 2210.17323.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from weakref import finalize

import numpy as np

from workbench.core.cholesky import solve_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.affine import Grid
    from workbench.core.calibration import Gram

    Matrices = NDArray[np.float64]

_BLOCK = 64
# Its own types leave the result open.
_linalg = cast("Any", np.linalg)


def least_squares(
    weights: Matrices, kept: NDArray[np.bool_], hessian: Matrices
) -> Matrices:
    """The kept weights that lie closest: ``w'_S = (H_SS)^-1 (w H)_S``, zero elsewhere.

    A row solves for what it keeps or, where that is less, for what it has lost.

    Args:
        weights: (groups, outputs, inputs), float64.
        kept: The support S of each row, shape of `weights`.
        hessian: ``H``, positive definite, (groups, inputs, inputs).

    Returns:
        Shape of `weights`.
    """
    fitted = np.where(kept, weights, 0.0)
    sizes = kept.sum(axis=2)
    width = kept.shape[2]
    is_few = (sizes > 0) & (2 * sizes <= width)
    is_many = (sizes < width) & (2 * sizes > width)
    for group, h in enumerate(hessian):
        few, many = np.flatnonzero(is_few[group]), np.flatnonzero(is_many[group])
        if few.size:
            pulls = weights[group, few] @ h
            fitted[group, few] = solve_rows(h, pulls, kept[group, few])
        if many.size:
            # With P the pruned ones: w' = w - m H^-1 where m_P = ([H^-1]_PP)^-1 w_P.
            inverse = inverses_of(hessian)[group]
            pulls = weights[group, many]
            pulls = solve_rows(inverse, pulls, ~kept[group, many]) @ inverse
            fitted[group, many] -= np.where(kept[group, many], pulls, 0.0)
    return fitted


def inverses_of(hessian: Matrices) -> Matrices:
    """The inverse of each matrix, kept as long as the array of them is there.

    Args:
        hessian: Positive definite, (groups, inputs, inputs), not written to any more.
    """
    key = id(hessian)
    known = _inverses.get(key)
    if known is None:
        found: Matrices = _linalg.inv(hessian)
        known = _inverses[key] = (found + found.transpose(0, 2, 1)) / 2
        finalize(hessian, _inverses.pop, key, None).atexit = False
    return known


_inverses: dict[int, Matrices] = {}


def round_with_feedback(
    weights: Matrices, kept: NDArray[np.bool_], hessian: Matrices, grid: Grid
) -> Matrices:
    """Integers of a grid, each weight's error passed on to the ones after it.

    Columns go by falling ``H_jj``; with U the upper Cholesky factor of ``H^-1`` the
    error ``e = (w_j - q_j) / U_jj`` of column j moves the later ones by ``-e U_j``.
    Pruned weights are rounded to zero.

    Args:
        weights: (groups, outputs, inputs), float64.
        kept: Which are not pruned, shape of `weights`.
        hessian: ``H``, positive definite, (groups, inputs, inputs).
        grid: With scale and zero point of the shape of `weights`.

    Returns:
        Integers as float64, the zero point added, shape of `weights`.
    """
    levels = np.empty_like(weights)
    for group, h in enumerate(hessian):
        order = np.argsort(-np.diag(h), kind="stable")
        inverse = inverses_of(hessian)[group]
        lower: Matrices = _linalg.cholesky(inverse[np.ix_(order, order)])
        upper = lower.T
        arrays = (weights[group], kept[group], grid.scale[group])
        moved, is_kept, scale = (np.ascontiguousarray(a[:, order]) for a in arrays)
        zero = np.ascontiguousarray(grid.zero_point[group][:, order])
        found = _round_columns(moved, is_kept, upper, (scale, zero, grid.limits))
        levels[group][:, order] = found
    return levels


def _round_columns(
    moved: Matrices,
    kept: NDArray[np.bool_],
    upper: Matrices,
    grid: tuple[NDArray[np.float32], NDArray[np.int32], tuple[int, int]],
) -> Matrices:
    """Round the columns of one group in turn, in blocks; `moved` is overwritten."""
    scale, zero, (low, high) = grid
    levels = np.empty_like(moved)
    count = moved.shape[1]
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        errors = np.empty((len(moved), stop - start))
        for j in range(start, stop):
            values = np.where(kept[:, j], moved[:, j], 0.0)
            level = np.clip(np.rint(values / scale[:, j]) + zero[:, j], low, high)
            levels[:, j] = level
            gap = moved[:, j] - (level - zero[:, j]) * scale[:, j]
            errors[:, j - start] = gap / upper[j, j]
            rest = slice(j + 1, stop)
            moved[:, rest] -= errors[:, j - start, None] * upper[j, rest]
        moved[:, stop:] -= errors @ upper[start:stop, stop:]
    return levels


def shift_of(lost: NDArray[np.float64], gram: Gram) -> NDArray[np.float32] | None:
    """What a bias must take up for the mean to stay: ``(w - w') E[x]``.

    Args:
        lost: ``w - w'``, (groups, outputs, inputs).
        gram: What the kernel saw.

    Returns:
        Flat, in the order of the outputs; None where there is no bias.
    """
    if gram.bias is None:
        return None
    return np.einsum("goi,gi->go", lost, gram.mean).ravel().astype(np.float32)
