"""Integers of 2 and 4 bits as LiteRT stores them: the first in a byte's lowest bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

INT2: np.dtype[Any] = np.dtype(ml_dtypes.int2)
INT4: np.dtype[Any] = np.dtype(ml_dtypes.int4)
BITS = {INT2: 2, INT4: 4}


def packed(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Pack integers into bytes; the last one is filled up with zeros.

    Args:
        values: Of type `INT2` or `INT4`, any shape.
    """
    shifts = np.arange(0, 8, BITS[values.dtype], dtype=np.uint8)
    mask = np.uint8(2 ** BITS[values.dtype] - 1)
    low = values.astype(np.int8).ravel().view(np.uint8) & mask
    filled = np.append(low, np.zeros(-low.size % shifts.size, np.uint8))
    return np.bitwise_or.reduce(filled.reshape(-1, shifts.size) << shifts, axis=1)


def unpacked(data: bytes, kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Integers of a type and a shape, from what `packed` made of them."""
    bits = BITS[kind]
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.int8)
    several = np.frombuffer(data, np.int8)[:, None] << shifts >> np.int8(8 - bits)
    return several.ravel()[: int(np.prod(shape))].reshape(shape).astype(kind)
