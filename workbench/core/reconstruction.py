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
from workbench.core.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.tensor import CompressedTensor, Site

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
    for group, h in enumerate(hessian):
        few, many = _few_and_many(kept[group])
        if few.size:
            pulls = weights[group, few] @ h
            fitted[group, few] = solve_rows(h, pulls, kept[group, few])
        if many.size:
            inverse = inverses_of(hessian)[group]
            own = weights[group, many], kept[group, many]
            fitted[group, many] = _without_the_pruned(*own, inverse)
    return fitted


def fitted_to(
    pulls: Matrices, kept: NDArray[np.bool_] | None, hessian: Matrices
) -> Matrices:
    """Weights by what pulls at them: ``w_S = (H_SS)^-1 g_S``, zero elsewhere.

    Args:
        pulls: g, ``E[t x^T]`` for targets t, (groups, outputs, inputs), float64.
        kept: As for `least_squares`; None for all.
        hessian: The same.
    """
    if kept is None:
        return pulls @ inverses_of(hessian)
    fitted = np.zeros_like(pulls)
    for group, h in enumerate(hessian):
        few, many = _few_and_many(kept[group], is_all_many=True)
        if few.size:
            own = pulls[group, few], kept[group, few]
            fitted[group, few] = solve_rows(h, *own)
        if many.size:
            inverse = inverses_of(hessian)[group]
            own = pulls[group, many] @ inverse, kept[group, many]
            fitted[group, many] = _without_the_pruned(*own, inverse)
    return fitted


def refitted(
    weights: Matrices,
    kept: NDArray[np.bool_] | None,
    gram: Gram,
    damping: float,
    limited: Callable[[Matrices], Matrices] | None = None,
) -> tuple[Matrices, NDArray[np.float32] | None]:
    """The weights that make what is to be made; damping holds them to the original's.

    Args:
        weights: The original's, (groups, outputs, inputs), float64.
        kept: The support of each row, shape of `weights`; None for all.
        gram: What the kernel sees, and its aim.
        damping: Fraction of the inputs' mean second moment that is added to all.
        limited: The nearest weights of a form, by what the kernel sees; None for any.

    Returns:
        Weights, and what the bias takes up, as `shift_of` gives it.
    """
    hessian, aim = gram.hessian(damping), gram.aim
    if aim is None:
        fitted = weights
        if kept is not None:
            fitted = least_squares(weights, kept, hessian)
        fitted = limited(fitted) if limited else fitted
        return fitted, shift_of(weights - fitted, gram)
    mean = gram.mean.astype(np.float64)

    def fit(pulls: Matrices, wanted: Matrices) -> tuple[Matrices, Matrices]:
        found = fitted_to(held(pulls, wanted, weights, gram, damping), kept, hessian)
        found = limited(found) if limited else found
        if gram.bias is None:
            return found, np.zeros_like(wanted)
        return found, wanted - np.einsum("goi,gi->go", found, mean)

    fitted, shift = fit(*aim.pulls())
    for _ in range(aim.after.turns):
        fitted, shift = fit(*aim.pulls_after(fitted, shift))
    return fitted, None if gram.bias is None else _flat(shift)


def held(
    pulls: Matrices, wanted: Matrices, weights: Matrices, gram: Gram, damping: float
) -> Matrices:
    """What pulls at weights, which damping holds where they are.

    Args:
        pulls: ``E[(t - E[t]) x^T]`` for targets t, (groups, outputs, inputs).
        wanted: ``E[t]``, (groups, outputs); without a bias weights have to make it.
        weights: As for `refitted`.
        gram: The same.
        damping: The same.
    """
    if gram.bias is None:
        pulls = pulls + wanted[..., None] * gram.mean.astype(np.float64)[:, None]
    return pulls + gram.damping(damping)[..., None] * weights


def _few_and_many(
    kept: NDArray[np.bool_], *, is_all_many: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that keep at most half of their inputs, and those that lose less.

    Args:
        kept: (outputs, inputs).
        is_all_many: Whether rows that keep all are among the latter.
    """
    sizes, width = kept.sum(axis=1), kept.shape[1]
    is_many = (2 * sizes > width) & (is_all_many | (sizes < width))
    return np.flatnonzero((sizes > 0) & (2 * sizes <= width)), np.flatnonzero(is_many)


def _without_the_pruned(
    weights: Matrices, kept: NDArray[np.bool_], inverse: Matrices
) -> Matrices:
    """With P what goes: ``w' = w - m H^-1`` where ``m_P = ([H^-1]_PP)^-1 w_P``."""
    taken = solve_rows(inverse, weights, ~kept) @ inverse
    return np.where(kept, weights - taken, 0.0)


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


def shift_of(lost: Matrices, gram: Gram) -> NDArray[np.float32] | None:
    """What a bias must take up for the mean to stay: ``(w - w') E[x]``.

    Args:
        lost: ``w - w'``, (groups, outputs, inputs).
        gram: What the kernel sees.

    Returns:
        Flat, in the order of the outputs; None where there is no bias.
    """
    if gram.bias is None:
        return None
    return _flat(np.einsum("goi,gi->go", lost, gram.mean))


def coded_shift(
    made: CompressedTensor, before: CompressedTensor, site: Site, gram: Gram
) -> NDArray[np.float32] | None:
    """What a bias takes up behind a kernel that has been coded.

    What a refit has it take up stays, and what coding moves comes on top.

    Args:
        made: The kernel.
        before: The kernel before it was coded.
        site: Its place.
        gram: What it sees.
    """
    start = before.start if before.shift is None else before.dense
    lost = start.astype(np.float64) - made.dense
    shift = shift_of(Layout.of(site, len(gram.moments)).matrices(lost), gram)
    known = before.shift
    return shift if shift is None or known is None else shift + known


def _flat(shift: Matrices) -> NDArray[np.float32]:
    return shift.ravel().astype(np.float32)
