"""What the entropy-coded stream of a network takes, without writing it.

Small tensors are coded, and the bytes counted. Of a large one some rows are: what they
take beside their entropy is what all take beside theirs, since rows of a kernel are
alike. That is within 2 % of the stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from workbench.core.bitstream import encode
from workbench.core.codes import Affine, Codebook, Composed, Float
from workbench.core.cost import tensor_sizes
from workbench.core.stream_codes import matrix
from workbench.core.symbols import leaves
from workbench.core.tensor import CompressedTensor

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import NDArray

    from workbench.core.codes import Code

LARGE = 2**18
_PARTS = 32
# A stream of its own ends with bytes that one of several has once.
_END = 2


def coded_bytes(tensor: CompressedTensor) -> int:
    """Bytes of a tensor in the stream, its tables included; computed once for each."""
    known = _known.get(tensor)
    if known is None:
        known = _known[tensor] = sum(map(_leaf, leaves(tensor)))
    return known


def stream_bytes(values: Iterable[CompressedTensor | NDArray[Any]]) -> int:
    """Bytes of the stream of a model: kernels and other variables, in their order."""
    small: list[CompressedTensor | NDArray[Any]] = []
    large: list[CompressedTensor] = []
    for value in values:
        if not isinstance(value, CompressedTensor):
            small.append(value)
            continue
        for leaf in leaves(value):
            (small if leaf.dense.size <= LARGE else large).append(leaf)
    return len(encode(small)) + sum(map(coded_bytes, large))


_known: WeakKeyDictionary[CompressedTensor, int] = WeakKeyDictionary()


def _leaf(tensor: CompressedTensor) -> int:
    if tensor.dense.size <= LARGE:
        return max(len(encode([tensor])) - _END, 1)
    part = _rows(tensor)
    table = tensor.code.table_bits / 8
    whole, sample = (
        tensor_sizes(each).entropy - each.code.table_bits / 8 for each in (tensor, part)
    )
    coded = len(encode([part])) - part.code.table_bits / 8
    return round(table + coded * whole / max(sample, 1))


def _rows(tensor: CompressedTensor) -> CompressedTensor:
    """Stretches of rows of the tensor as a matrix, from all over it."""
    rows = matrix(tensor.dense)
    length = max(LARGE // (rows.shape[1] * _PARTS), 1)
    chosen = np.zeros(len(rows), np.bool_)
    last = max(len(rows) - length, 0)
    for i in range(_PARTS):
        start = last * i // (_PARTS - 1)
        chosen[start : start + length] = True
    dense = rows[chosen]
    mask = None if tensor.mask is None else matrix(tensor.mask)[chosen]
    return CompressedTensor(dense, mask, _code(tensor.code, dense, chosen))


def _code(code: Code, dense: NDArray[np.float32], chosen: NDArray[np.bool_]) -> Code:
    one = np.ones((1, 1), np.float32)
    if isinstance(code, Affine):
        q = matrix(np.asarray(code.q - code.zero_point, np.int32))[chosen]
        return Affine(q, one, one.astype(np.int32) * 0, code.bits, True)
    if isinstance(code, Codebook):
        indexes = matrix(code.indexes)[chosen]
        entries = code.centroids.shape[-1]
        table = np.ones((1, 1, entries), np.float32)
        return Codebook(indexes, table, code.bits)
    assert not isinstance(code, Composed), "What is made of parts has leaves."
    return Float(dense)
