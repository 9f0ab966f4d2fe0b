"""One-shot repair: the weights that change least of what a layer makes.

For rows of weights w over inputs x the error of w' is ``(w - w') H (w - w')`` with
``H = E[x x^T]``. Kept weights are refitted to make it least, and rounding passes each
weight's error on to those that are not rounded yet.

Sources: Hassibi and Stork 1993; Frantar and Alistarh 2022, arXiv 2208.11580; Frantar et
al. 2023, arXiv 2210.17323.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from workbench.core.cholesky import solve_rows
from workbench.core.inverse import inverses_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from workbench.core.calibration import Gram

    Matrices = NDArray[np.float64]
    Nearest = Callable[[int, int, Matrices], Matrices]

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


def with_feedback(weights: Matrices, hessian: Matrices, nearest: Nearest) -> Matrices:
    """Weights put at other values, each one's error passed on to the ones after it.

    Columns go by falling ``H_jj``; with U the upper Cholesky factor of ``H^-1`` the
    error ``e = (w_j - q_j) / U_jj`` of column j moves the later ones by ``-e U_j``.

    Args:
        weights: (groups, outputs, inputs), float64.
        hessian: ``H``, positive definite, (groups, inputs, inputs).
        nearest: What stands in for the weights (outputs,) of a group and an input.

    Returns:
        Those values, shape of `weights`.
    """
    made = np.empty_like(weights)
    for group, h in enumerate(hessian):
        order = np.argsort(-np.diag(h), kind="stable")
        inverse = inverses_of(hessian)[group]
        upper: Matrices = _linalg.cholesky(inverse[np.ix_(order, order)]).T
        moved = np.ascontiguousarray(weights[group][:, order])
        for start in range(0, len(order), _BLOCK):
            stop = min(start + _BLOCK, len(order))
            errors = np.empty((len(moved), stop - start))
            for j in range(start, stop):
                column = nearest(group, int(order[j]), moved[:, j])
                made[group, :, order[j]] = column
                errors[:, j - start] = (moved[:, j] - column) / upper[j, j]
                rest = slice(j + 1, stop)
                moved[:, rest] -= errors[:, j - start, None] * upper[j, rest]
            moved[:, stop:] -= errors @ upper[start:stop, stop:]
    return made


def shift_of(
    lost: Matrices, gram: Gram, weights: Matrices | None = None
) -> NDArray[np.float32] | None:
    """What a bias must take up for the mean to stay: ``(w - w') E[x] + w E[z - x]``.

    Args:
        lost: ``w - w'``, (groups, outputs, inputs).
        gram: What the kernel sees.
        weights: The original's w, where the inputs may have changed from z to x.

    Returns:
        Flat, in the order of the outputs; None where there is no bias.
    """
    if gram.bias is None:
        return None
    shift = np.einsum("goi,gi->go", lost, gram.mean)
    if weights is not None and gram.given is not None:
        moved = gram.given.astype(np.float64) - gram.mean
        shift += np.einsum("goi,gi->go", weights, moved)
    return shift.ravel().astype(np.float32)
