"""How each code goes through a coder: what is written of it, and how it is read.

A matrix here is a tensor as rows of its last axis that is longer than one. Tables come
before values, and where a value is not zero before what it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.affine import integer_type, limits
from workbench.core.codes import Affine, Codebook
from workbench.core.errors import UserError
from workbench.core.symbols import is_zero, symbols
from workbench.core.tensor import CompressedTensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.coder import Coder

    Shape = tuple[int, ...]

# Longer arrays of one value are coded value by value: a short stream tells of no more.
CONSTANT_SIZE = 1 << 16
_PLAIN, _SPARSE, _CONSTANT = range(3)
_FORM_BITS, _WIDTH_BITS, _ENTRY_BITS = 2, 5, 9
_WIDTHS, _INDEX_WIDTHS, _ENTRIES = range(2, 17), range(1, 9), range(1, 257)


def damaged() -> UserError:
    """The error that a stream is not one."""
    return UserError("size.damaged")


def matrix(values: NDArray[Any]) -> NDArray[Any]:
    """Rows of the last axis that is longer than one; one row where there is none."""
    longer = [side for side in values.shape if side != 1]
    return values.reshape((-1, longer[-1]) if values.size and longer else (1, -1))


def write_floats(coder: Coder, dense: NDArray[np.float32]) -> None:
    """Every bit of float32: of one value, of those that are not zero, or of all."""
    flat = np.ascontiguousarray(dense).reshape(-1)
    words, zeros = flat.view(np.int32), is_zero(flat)
    if 0 < words.size <= CONSTANT_SIZE and (words == words[0]).all():
        coder.number(_CONSTANT, _FORM_BITS)
        coder.floats(flat[:1])
    elif zeros.any():
        coder.number(_SPARSE, _FORM_BITS)
        coder.flags(matrix(~zeros.reshape(dense.shape)))
        coder.floats(flat[~zeros])
    else:
        coder.number(_PLAIN, _FORM_BITS)
        coder.floats(flat)


def read_floats(coder: Coder, shape: Shape) -> CompressedTensor:
    """What `write_floats` wrote."""
    form = coder.number(0, _FORM_BITS)
    if form == _CONSTANT and math.prod(shape) <= CONSTANT_SIZE:
        value = coder.floats(np.zeros(1, np.float32))
        return CompressedTensor.of(np.full(shape, value[0]))
    if form == _PLAIN:
        return CompressedTensor.of(coder.floats(np.zeros(shape, np.float32)))
    if form != _SPARSE:
        raise damaged()
    kept = _read_flags(coder, shape)
    dense = np.zeros(shape, np.float32)
    dense[kept] = coder.floats(dense[kept])
    return CompressedTensor.of(dense).masked(kept)


def write_grid(coder: Coder, tensor: CompressedTensor, code: Affine) -> None:
    """Bit width, scales, zero points where there are some, integers."""
    coder.number(code.bits, _WIDTH_BITS)
    _write_axes(coder, tensor.dense.shape, code.scale.shape)
    coder.floats(code.scale)
    if not code.is_symmetric:
        for zero in code.zero_point.reshape(-1):
            coder.number(int(zero), code.bits)
    found = matrix(symbols(tensor))
    coder.flags(found != 0)
    coder.levels(found)


def read_grid(coder: Coder, shape: Shape, *, is_symmetric: bool) -> CompressedTensor:
    """What `write_grid` wrote."""
    bits = coder.number(0, _WIDTH_BITS)
    if bits not in _WIDTHS:
        raise damaged()
    scale = coder.floats(np.zeros(_read_axes(coder, shape), np.float32))
    zeros = np.zeros(scale.shape, np.int32)
    if not is_symmetric:
        flat = [coder.number(0, bits) for _ in range(zeros.size)]
        zeros = np.array(flat, np.int32).reshape(scale.shape)
    kept = _read_flags(coder, shape)
    levels = coder.levels(matrix(kept).astype(np.int32)).reshape(shape)
    q = levels + zeros
    smallest, largest = limits(bits, is_symmetric=is_symmetric)
    if q.size and (q.min() < smallest or q.max() > largest):
        raise damaged()
    q = q.astype(integer_type(bits, is_symmetric=is_symmetric))
    return _of(Affine(q, scale, zeros, bits, is_symmetric), kept)


def write_table(coder: Coder, tensor: CompressedTensor, code: Codebook) -> None:
    """Bit width, centroids, indexes."""
    coder.number(code.bits, _WIDTH_BITS)
    coder.number(code.centroids.shape[-1], _ENTRY_BITS)
    _write_axes(coder, tensor.dense.shape, code.centroids.shape[:-1])
    coder.floats(code.centroids)
    found = matrix(symbols(tensor))
    coder.flags(found != 0)
    coder.indexes(found, code.bits)


def read_table(coder: Coder, shape: Shape) -> CompressedTensor:
    """What `write_table` wrote."""
    bits = coder.number(0, _WIDTH_BITS)
    entries = coder.number(0, _ENTRY_BITS)
    if bits not in _INDEX_WIDTHS or entries not in _ENTRIES:
        raise damaged()
    axes = _read_axes(coder, shape)
    centroids = coder.floats(np.zeros((*axes, entries), np.float32))
    kept = _read_flags(coder, shape)
    found = coder.indexes(kept.astype(np.int32), bits)
    if found.max(initial=0) > entries:
        raise damaged()
    indexes = np.maximum(found - 1, 0).astype(np.uint8)
    return _of(Codebook(indexes, centroids, bits), kept)


def _of(code: Affine | Codebook, kept: NDArray[np.bool_]) -> CompressedTensor:
    dense = np.where(kept, code.decode(), np.float32(0))
    return CompressedTensor(dense, None if kept.all() else kept, code)


def _read_flags(coder: Coder, shape: Shape) -> NDArray[np.bool_]:
    return coder.flags(matrix(np.zeros(shape, np.bool_))).reshape(shape)


def _write_axes(coder: Coder, shape: Shape, table: Shape) -> None:
    """Along which axes a table has entries of its own."""
    for side, own in zip(shape, _padded(table, len(shape)), strict=True):
        coder.number(own == side, 1)


def _read_axes(coder: Coder, shape: Shape) -> Shape:
    return tuple(side if coder.number(0, 1) else 1 for side in shape)


def _padded(table: Shape, axes: int) -> Shape:
    return (*(1,) * (axes - len(table)), *table)
