"""Inverses of Gram matrices, kept as long as those are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from weakref import finalize

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrices = NDArray[np.float64]

# Its own types leave the result open.
_linalg = cast("Any", np.linalg)


def inverses_of(hessian: Matrices) -> Matrices:
    """The inverse of each matrix, kept as long as the array of them is there.

    Args:
        hessian: Positive definite, (groups, inputs, inputs), not written to any more.
    """
    key = id(hessian)
    known = _inverses.get(key)
    if known is None:
        found: Matrices = _linalg.inv(hessian)
        known = found + found.transpose(0, 2, 1)
        known /= 2
        _inverses[key] = known
        finalize(hessian, _inverses.pop, key, None).atexit = False
    return known


_inverses: dict[int, Matrices] = {}
