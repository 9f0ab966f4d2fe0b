"""A network's values as one entropy-coded stream, and back, bit for bit.

Of every array: how it is coded, its tables (scales, zero points, centroids), where it
is not zero, and the symbols that are there. Nothing is stored twice and no frequencies
are: `workbench.core.coder` learns them from what it has coded. Names and shapes are
not in it; the model's architecture has them.

A weight that was pruned and one that was rounded to zero are the same to a decoder, so
the mask that comes back is that of the weights that are not zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core import stream_codes as codes
from workbench.core.coder import DECISIONS_A_BYTE, Coder
from workbench.core.codes import Affine, Codebook, Gates, LowRank
from workbench.core.tensor import CompressedTensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Value = CompressedTensor | NDArray[Any]
    Shape = tuple[int, ...]

_FLOAT, _SYMMETRIC, _ASYMMETRIC, _TABLE, _PRODUCT, _GATES = range(6)
_KIND_BITS, _AXIS_BITS, _SIDE_BITS, _COUNT_BITS, _GATE_BITS = 3, 4, 24, 2, 3
_BYTE = 8


@dataclass(frozen=True)
class Place:
    """What the architecture says of an array.

    Attributes:
        shape: Its shape.
        dtype: Type of its numbers, for an array that is not coded but stored as it is.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


def encode(values: Sequence[Value]) -> bytes:
    """The stream of compressed tensors and other arrays, in this order."""
    coder = Coder()
    for value in values:
        if isinstance(value, CompressedTensor) or value.dtype == np.float32:
            coder.number(1, 1)
            _write_tensor(coder, _tensor(value))
        else:
            coder.number(0, 1)
            _bytes(coder, np.frombuffer(value.tobytes(), np.uint8))
    return coder.content()


def decode(content: bytes, places: Sequence[Place]) -> list[Value]:
    """The values of a stream.

    Args:
        content: The stream.
        places: What is in it, in order.

    Raises:
        UserError: If the stream is not one of such values. It takes no more memory
            than the arrays, and these are never larger than the stream can tell of.

    Returns:
        A compressed tensor for each of what was one or float32, else an array.
    """
    check_size(content, places)
    coder = Coder(content)
    values: list[Value] = []
    for place in places:
        if coder.number(0, 1):
            values.append(_read_tensor(coder, place.shape, _told(content)))
        else:
            kind = np.dtype(place.dtype)
            raw = _bytes(coder, np.zeros(place.size * kind.itemsize, np.uint8))
            values.append(raw.view(kind).reshape(place.shape))
    if not coder.is_spent:
        raise codes.damaged()
    return values


def check_size(content: bytes, places: Sequence[Place]) -> None:
    """Refuse arrays larger than a stream can tell of, before there is memory for them.

    Raises:
        UserError: If they are.
    """
    least = sum(max(place.size - codes.CONSTANT_SIZE, 0) for place in places)
    if least > _told(content):
        raise codes.damaged()


def _tensor(value: Value) -> CompressedTensor:
    return value if isinstance(value, CompressedTensor) else CompressedTensor.of(value)


def _told(content: bytes) -> int:
    """How many values a stream can tell of at most."""
    return DECISIONS_A_BYTE * (len(content) + 1)


def _bytes(coder: Coder, values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    found = coder.indexes(values.astype(np.int32) + 1, _BYTE)
    return (found - 1).astype(np.uint8)


def _write_tensor(coder: Coder, tensor: CompressedTensor) -> None:
    code = tensor.code
    if isinstance(code, LowRank):
        coder.number(_PRODUCT, _KIND_BITS)
        _write_product(coder, code)
    elif isinstance(code, Gates):
        coder.number(_GATES, _KIND_BITS)
        coder.number(len(code.parts), _GATE_BITS)
        for part in code.parts:
            _write_tensor(coder, part)
    elif isinstance(code, Affine):
        coder.number(_SYMMETRIC if code.is_symmetric else _ASYMMETRIC, _KIND_BITS)
        codes.write_grid(coder, tensor, code)
    elif isinstance(code, Codebook):
        coder.number(_TABLE, _KIND_BITS)
        codes.write_table(coder, tensor, code)
    else:
        coder.number(_FLOAT, _KIND_BITS)
        codes.write_floats(coder, tensor.dense)


def _read_tensor(coder: Coder, shape: Shape, told: int) -> CompressedTensor:
    kind = coder.number(0, _KIND_BITS)
    if kind == _PRODUCT and told:
        return _read_product(coder, shape, told)
    if kind == _GATES and told:
        return _read_gates(coder, shape)
    if kind == _FLOAT:
        return codes.read_floats(coder, shape)
    if kind == _TABLE:
        return codes.read_table(coder, shape)
    if kind in {_SYMMETRIC, _ASYMMETRIC}:
        return codes.read_grid(coder, shape, is_symmetric=kind == _SYMMETRIC)
    raise codes.damaged()


def _write_product(coder: Coder, code: LowRank) -> None:
    """The factors with their shapes."""
    coder.number(len(code.factors), _COUNT_BITS)
    for factor in code.factors:
        coder.number(factor.dense.ndim, _AXIS_BITS)
        for side in factor.dense.shape:
            coder.number(side, _SIDE_BITS)
        _write_tensor(coder, factor)


def _read_product(coder: Coder, shape: Shape, told: int) -> CompressedTensor:
    factors: list[CompressedTensor] = []
    product: Shape = ()
    for place in range(coder.number(0, _COUNT_BITS)):
        axes = coder.number(0, _AXIS_BITS)
        own = tuple(coder.number(0, _SIDE_BITS) for _ in range(axes))
        product = own if place == 0 else _multiplied(product, own)
        if max(math.prod(own), math.prod(product)) > told:
            raise codes.damaged()
        # A factor is no product itself.
        factors.append(_read_tensor(coder, own, 0))
    if not factors or math.prod(product) != math.prod(shape):
        raise codes.damaged()
    code = LowRank(tuple(factors), shape)
    return CompressedTensor(code.decode(), None, code)


def _read_gates(coder: Coder, shape: Shape) -> CompressedTensor:
    """Equal parts of the last axis, none of which is made of parts itself."""
    count = coder.number(0, _GATE_BITS)
    if not count or not shape or shape[-1] % count:
        raise codes.damaged()
    own = (*shape[:-1], shape[-1] // count)
    parts = tuple(_read_tensor(coder, own, 0) for _ in range(count))
    code = Gates(parts, shape, tuple(map(str, range(count))))
    return CompressedTensor(code.decode(), code.mask, code)


def _multiplied(left: Shape, right: Shape) -> Shape:
    """The shape of a matrix product over the last two axes."""
    try:
        leading = np.broadcast_shapes(left[:-2], right[:-2])
        (rows, inner), (same, columns) = left[-2:], right[-2:]
    except ValueError as error:
        raise codes.damaged() from error
    if inner != same:
        raise codes.damaged()
    return (*leading, rows, columns)
