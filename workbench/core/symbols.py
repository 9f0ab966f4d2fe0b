"""The whole numbers that stand for a tensor's values, whatever its code is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.codes import Affine, Codebook, Composed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor


def leaves(tensor: CompressedTensor) -> Iterator[CompressedTensor]:
    """The tensors whose values are stored: factors, gates, else the tensor itself."""
    if isinstance(tensor.code, Composed):
        for part in tensor.code.parts:
            yield from leaves(part)
    else:
        yield tensor


def is_zero(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where all 32 bits are zero; the negative zero is another number."""
    return np.ascontiguousarray(values).view(np.uint32) == 0


def symbols(tensor: CompressedTensor) -> NDArray[np.int32]:
    """What an entropy coder is given of each value; 0 for a value that is zero.

    On a uniform grid it is the integer with the zero point taken off, with a codebook
    the index plus one, and a float's own bits. A weight that was pruned and one that
    was rounded to zero are one symbol, since they decode to one value.

    Args:
        tensor: With any code but one of several parts, which has `leaves`.

    Returns:
        Shape of the tensor.
    """
    code = tensor.code
    if isinstance(code, Affine):
        levels = code.q - code.zero_point
        return np.where(tensor.dense == 0, np.int32(0), levels)
    if isinstance(code, Codebook):
        indexes = code.indexes.astype(np.int32) + 1
        return np.where(is_zero(tensor.dense), np.int32(0), indexes)
    return np.ascontiguousarray(tensor.dense).view(np.int32)


def symbol_counts(tensor: CompressedTensor) -> NDArray[np.int64]:
    """How often each symbol occurs that is not that of zero, in no order.

    Args:
        tensor: With a uniform grid or a codebook.
    """
    if tensor.counts is not None:
        counts = tensor.counts.copy()
        counts[counts.size // 2] = 0
        return counts
    found = symbols(tensor)
    found = found[found != 0]
    return np.bincount(found - found.min()) if found.size else found.astype(np.int64)
