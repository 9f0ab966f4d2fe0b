"""Arrays that TensorFlow takes over as they are: it asks for memory at certain places.

NumPy's own begin wherever the C library has room, and are copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

# What the widest vector instructions want.
_BYTES = 64


def empty(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """An array of any values, aligned; as `numpy.empty` else."""
    return _placed(np.empty, shape, np.dtype(dtype))


def zeros(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """An array of zeros, aligned; its memory is taken where it is written to."""
    return _placed(np.zeros, shape, np.dtype(dtype))


def copy(values: NDArray[Any]) -> NDArray[Any]:
    """An aligned copy of an array."""
    copied = empty(values.shape, values.dtype)
    copied[...] = values
    return copied


def where(mask: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[Any]:
    """An aligned array of the values under a mask, and zeros beside it."""
    found = zeros(values.shape, values.dtype)
    np.copyto(found, values, where=mask)
    return found


def is_aligned(array: NDArray[Any]) -> bool:
    """Whether an array lies in one piece where TensorFlow wants it."""
    return array.flags.c_contiguous and array.ctypes.data % _BYTES == 0


def _placed(
    make: Callable[..., NDArray[Any]], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    room = make(nbytes + _BYTES, np.uint8)
    start = -room.ctypes.data % _BYTES
    return room[start : start + nbytes].view(dtype).reshape(shape)
