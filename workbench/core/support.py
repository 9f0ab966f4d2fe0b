"""Which weights to keep where only their number is settled: what a refit needs most.

Two copies of the weights draw near to each other: W, which makes what the layer made,
and Z, of which all but the largest entries are zero; what parts them adds up in U. That
is ADMM on ``||X W - X W'||^2`` with the number of weights as its constraint, which
falls to the wished one over the first rounds. Inputs are scaled so that each has the
same energy. Source: Boža 2024, arXiv 2401.02938.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from workbench.core.reconstruction import fitted_to, held, least_squares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.calibration import Gram

    Matrices = NDArray[np.float64]
    Floats = NDArray[np.float32]

_ROUNDS = 20
_FALLING = 15
# Among so few weights the search may end worse than it began.
_FEW = 2**14
# Multiplications, some seconds on two cores: beyond, what was chosen stays.
_MOST_WORK = 1e11
# Its own types leave the result open.
_linalg = cast("Any", np.linalg)


def exchanged(
    weights: Matrices, kept: NDArray[np.bool_], gram: Gram, damping: float
) -> NDArray[np.bool_]:
    """As many weights as are kept, the ones with which a refit comes nearest.

    Args:
        weights: The original's, (groups, outputs, inputs), float64.
        kept: Which are kept so far, shape of `weights`.
        gram: What the kernel sees, and its aim.
        damping: Fraction of the inputs' mean second moment that is added to all.

    Returns:
        True where a weight is to be kept, shape of `weights`; `kept` where the search
        would take too long.
    """
    wished, largest = int(np.count_nonzero(kept)), np.abs(weights).max(initial=0)
    is_long = _ROUNDS * weights.size * weights.shape[-1] > _MOST_WORK
    if is_long or not largest or wished in {0, weights.size}:
        return kept
    hessian = gram.hessian(damping)
    energies = np.sqrt(np.einsum("gii->gi", hessian))[:, None]
    # In float32: with a penalty of 1 no eigenvalue is below it.
    scaled = (hessian / energies / energies.transpose(0, 2, 1)).astype(np.float32)
    whole = _unpruned(weights, gram, damping) / largest
    aim = (whole * energies).astype(np.float32)
    inverse: Floats = _linalg.inv(scaled + np.eye(scaled.shape[-1], dtype=np.float32))
    start, before = aim @ scaled @ inverse, kept
    w, u = aim, np.zeros_like(aim)
    for done in range(1, _ROUNDS + 1):
        left = max(1 - done / _FALLING, 0.0) ** 3
        count = wished + int((weights.size - wished) * left)
        apart = w + u
        kept = _largest(apart, count)
        u = np.where(kept, np.float32(0), apart)
        w = start + (apart - 2 * u) @ inverse
    if weights.size > _FEW:
        return kept
    return min(before, kept, key=lambda one: _loss(whole, one, hessian))


def _loss(weights: Matrices, kept: NDArray[np.bool_], hessian: Matrices) -> float:
    """What a refit of the kept weights leaves of the error."""
    gaps = weights - least_squares(weights, kept, hessian)
    return float(np.vdot(gaps, weights @ hessian))


def _unpruned(weights: Matrices, gram: Gram, damping: float) -> Matrices:
    """What weights would be if all were kept: the original's, or what makes the aim."""
    if gram.aim is None:
        return weights
    pulls = held(*gram.aim.pulls(), weights, gram, damping)
    return fitted_to(pulls, None, gram.hessian(damping))


def _largest(values: Floats, count: int) -> NDArray[np.bool_]:
    """True at so many of the largest magnitudes."""
    sizes = np.abs(values).ravel()
    kept = np.zeros(sizes.size, np.bool_)
    kept[np.argpartition(sizes, sizes.size - count)[sizes.size - count :]] = True
    return kept.reshape(values.shape)
