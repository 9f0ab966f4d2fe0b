"""Which constant of a float file is which kernel, found by the values.

The converter transposes kernels, merges axes and multiplies a following BatchNorm (or a
rescaling) into them, and names nothing reliably. What it cannot change is that the
constant equals the kernel, axes permuted, up to one factor per channel. So the integers
that the simulation used are put in order, never rounded again:

    constant = factor * scale * (q - zero_point)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.codes import Affine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor
    from workbench.export.flat_model import FlatModel

# Where each operator takes its weights; any other operator may take them anywhere.
_WEIGHTS_AT = {
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 1,
    "FULLY_CONNECTED": 1,
    "TRANSPOSE_CONV": 1,
    "CONV_3D": 1,
    "GATHER": 0,
    "EMBEDDING_LOOKUP": 1,
}
# What BatchNorm is folded with differs from one multiplication by rounding alone.
_TOLERANCE = 2e-5
# Orders of axes to try first: convolution, dense, transposed convolution.
_USUAL = ((3, 0, 1, 2), (1, 0), (2, 0, 1, 3), (2, 0, 1), (4, 0, 1, 2, 3))


@dataclass(frozen=True, eq=False)
class Stored:
    """A kernel as integers in the order of the file.

    Attributes:
        path: Address of the kernel.
        q: Integers with the zero point taken off, int32, shape of the constant.
        scale: Positive, float32: one, or one for each index of `axis`.
        axis: Axis of the constant along which scales vary.
        bits: Bit width in the simulation.
    """

    path: str
    q: NDArray[np.int32]
    scale: NDArray[np.float32]
    axis: int
    bits: int

    @property
    def fits_int8(self) -> bool:
        """Whether a symmetric int8 grid holds the integers as they are."""
        return bool(np.abs(self.q).max(initial=0) <= np.iinfo(np.int8).max)


def find_kernels(
    model: FlatModel, tensors: Mapping[str, CompressedTensor]
) -> dict[tuple[int, int], Stored]:
    """The quantized kernels of a float file.

    Args:
        model: A file as the float conversion made it; not changed.
        tensors: The network's kernels, by path.

    Returns:
        What was found, by number of the subgraph and of the tensor.
    """
    coded = {p: t for p, t in tensors.items() if isinstance(t.code, Affine)}
    found: dict[tuple[int, int], Stored] = {}
    for number, graph in enumerate(model.graphs):
        for index in sorted(_weights(model, graph)):
            values = model.constant(graph, index)
            if values is None or values.dtype != np.float32:
                continue
            for path, tensor in coded.items():
                stored = _match(path, tensor, values)
                if stored is not None:
                    found[number, index] = stored
                    break
    return found


def _weights(model: FlatModel, graph: Any) -> set[int]:
    """Constants that operators use as weights, not as biases."""
    used: set[int] = set()
    for operator in graph.operators:
        at = _WEIGHTS_AT.get(model.name(operator))
        used.update(operator.inputs if at is None else operator.inputs[at : at + 1])
    return used - {-1}


def _match(
    path: str, tensor: CompressedTensor, values: NDArray[np.float32]
) -> Stored | None:
    """The kernel in the order of a constant; None where they are not the same."""
    code = tensor.code
    if not isinstance(code, Affine) or tensor.dense.size != values.size:
        return None
    for order in _orders(tensor.dense.ndim):
        moved = np.transpose(tensor.dense, order).reshape(values.shape)
        ratio = _factors(moved, values)
        if ratio is None:
            continue
        spread = np.broadcast_to(code.scale, tensor.dense.shape)
        scale = np.transpose(spread, order).reshape(values.shape)
        both = _along_one_axis(scale, *ratio)
        if both is not None:
            q = code.q - code.zero_point
            q = q if tensor.mask is None else np.where(tensor.mask, q, 0)
            q = np.transpose(q, order).reshape(values.shape)
            return _stored(path, q, *both, code.bits)
    return None


def _stored(
    path: str, q: NDArray[np.int32], scale: NDArray[np.float32], axis: int, bits: int
) -> Stored:
    """Integers with positive scales: a BatchNorm's sign goes into the integers."""
    shape = [1] * q.ndim
    shape[axis] = -1
    signs = np.sign(scale).astype(np.int32).reshape(shape if scale.size > 1 else ())
    usable = np.where(scale == 0, np.float32(1), np.abs(scale))
    return Stored(path, q * signs, usable.astype(np.float32), axis, bits)


def _orders(axes: int) -> Iterator[tuple[int, ...]]:
    usual = [order for order in _USUAL if len(order) == axes]
    yield tuple(range(axes))
    yield from usual
    for order in permutations(range(axes)):
        if order not in usual and order != tuple(range(axes)):
            yield order


def _factors(
    kernel: NDArray[np.float32], values: NDArray[np.float32]
) -> tuple[NDArray[np.float64], int] | None:
    """Factors that turn a kernel into a constant: one, or one along an axis."""
    if np.array_equal(kernel, values):
        return np.ones(1), 0
    if not np.array_equal(kernel == 0, values == 0) and not _loses_channels(values):
        return None
    for axis in (None, *range(values.ndim)):
        if axis is not None and values.shape[axis] == values.size:
            continue  # A factor for each weight makes any kernel of any other.
        others = tuple(a for a in range(values.ndim) if a != axis)
        wide = kernel.astype(np.float64)
        power = (wide * wide).sum(axis=others, keepdims=True)
        product = (wide * values).sum(axis=others, keepdims=True)
        factor = np.divide(product, power, out=np.ones_like(power), where=power > 0)
        largest = np.abs(values).max(axis=others, keepdims=True)
        if np.all(np.abs(factor * wide - values) <= _TOLERANCE * largest):
            return factor.ravel(), axis or 0
    return None


def _loses_channels(values: NDArray[np.float32]) -> bool:
    """Whether a whole channel is zero, as a BatchNorm with gamma 0 makes it."""
    axes = range(values.ndim)
    return any(
        not np.all(np.any(values, axis=tuple(b for b in axes if b != a))) for a in axes
    )


def _along_one_axis(
    scale: NDArray[np.float32], factor: NDArray[np.float64], axis: int
) -> tuple[NDArray[np.float32], int] | None:
    """Scales times factors where both vary along one axis at most."""
    axes = [a for a in range(scale.ndim) if _varies(scale, a)]
    if factor.size > 1:
        axes = list(dict.fromkeys([axis, *axes]))
    if len(axes) > 1:
        return None
    if not axes:
        first = np.float64(scale.ravel()[0]) * factor[0]
        return np.array([first], np.float32), 0
    line = tuple(slice(None) if a == axes[0] else 0 for a in range(scale.ndim))
    return (scale[line] * factor).astype(np.float32), axes[0]


def _varies(scale: NDArray[np.float32], axis: int) -> bool:
    first = np.take(scale, [0], axis=axis)
    return not np.array_equal(np.broadcast_to(first, scale.shape), scale)
