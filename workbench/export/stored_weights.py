"""Kernels stored as integers in a file that computes in floats.

Where LiteRT has a kernel that multiplies integer weights with activations rounded on
the fly ("dynamic range"), that is used; elsewhere a DEQUANTIZE makes floats of the
stored integers when the file is loaded. Either way the file holds the integers and
scales of the simulation, each in the fewest of 2, 4, 8 and 16 bits that hold them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.int8 import INT8_BITS, int8_factor
from workbench.export.packing import INT2, INT4

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from workbench.export.flat_model import FlatModel
    from workbench.export.kernels_in_file import Stored

# Operators whose dynamic-range kernels are used, and the version from which they take
# one scale per channel, by width; the output axis of their weights is the first. With
# depthwise and small kernels rounded too, the demo CNN took twice the time.
_DYNAMIC = {
    "CONV_2D": {4: 7, 8: 5},
    "FULLY_CONNECTED": {2: 14, 4: 12, 8: 12},
}
# Weights from which on it is done, as in LiteRT's converter.
_FEWEST = 1024
# Types by width, and the version of DEQUANTIZE that expands them.
_TYPES: dict[int, Any] = {2: INT2, 4: INT4, 8: np.int8, 16: np.int16}
_EXPANDING = {2: 7, 4: 6, 8: 2, 16: 3}


@dataclass(frozen=True)
class Kept:
    """How one kernel is stored.

    Attributes:
        path: Address of the kernel.
        bits: Bit width in the simulation.
        stored_bits: Bit width in the file.
        is_dynamic: Whether activations are rounded on the fly for it.
    """

    path: str
    bits: int
    stored_bits: int
    is_dynamic: bool


def store_weights(
    model: FlatModel,
    found: Mapping[tuple[int, int], Stored],
    *,
    allow_dynamic: bool = True,
) -> tuple[Kept, ...]:
    """Put the integers of kernels into a float file.

    Args:
        model: The file; changed.
        found: Its kernels, from `find_kernels`.
        allow_dynamic: Whether activations may be rounded on the fly.

    Returns:
        What was stored how; a kernel that no width holds stays float and is left out.
    """
    kept: list[Kept] = []
    for (number, index), stored in found.items():
        graph = model.graphs[number]
        users = [o for o in graph.operators if index in o.inputs]
        if allow_dynamic and _is_dynamic(model, users, index, stored):
            bits = _store_to_be_multiplied(model, graph, index, stored)
            kept.append(Kept(stored.path, stored.bits, bits, is_dynamic=True))
            continue
        bits = _store_to_be_expanded(model, graph, index, stored)
        if bits is not None:
            kept.append(Kept(stored.path, stored.bits, bits, is_dynamic=False))
    return tuple(kept)


def int8_channels(
    model: FlatModel, graph: Any, index: int, stored: Stored, axis: int
) -> int | None:
    """Add a kernel as int8, one scale per channel; the index of the new constant.

    Integers of fewer bits are multiplied, see `core.int8`.

    Args:
        model: The file.
        graph: Where the kernel is.
        index: Its float constant.
        stored: Its integers.
        axis: The output axis, one scale for each of its indices.

    Returns:
        None where the scales vary along another axis or int8 does not hold the
        integers.
    """
    if not stored.fits_int8 or (stored.scale.size > 1 and stored.axis != axis):
        return None
    largest = int(np.abs(stored.q).max(initial=0))
    factor = int8_factor(largest)
    values = (stored.q * factor).astype(np.int8)
    scale = np.broadcast_to(stored.scale / np.float32(factor), values.shape[axis])
    grid = (scale.copy(), 0, axis)
    return model.add_constant(graph, graph.tensors[index], values, grid)


def _is_dynamic(
    model: FlatModel, users: Iterable[Any], index: int, stored: Stored
) -> bool:
    bits = _width(stored)
    is_usable = all(
        bits in _DYNAMIC.get(model.name(operator), ()) and operator.inputs[1] == index
        for operator in users
    )
    is_by_channel = stored.scale.size == 1 or stored.axis == 0
    return is_usable and is_by_channel and stored.q.size >= _FEWEST


def _width(stored: Stored) -> int | None:
    """The fewest bits whose symmetric grid holds the integers as they are."""
    return next((bits for bits in _TYPES if _fits(stored, bits)), None)


def _fits(stored: Stored, bits: int) -> bool:
    """Whether a symmetric grid holds the integers as they are."""
    return bool(np.abs(stored.q).max(initial=0) <= 2 ** (bits - 1) - 1)


def _replace(users: Iterable[Any], old: int, new: int) -> None:
    for operator in users:
        operator.inputs = [new if i == old else i for i in operator.inputs]


def _store_to_be_multiplied(
    model: FlatModel, graph: Any, index: int, stored: Stored
) -> int:
    """Store integers for operators that round their activations; the width."""
    bits = _width(stored)
    assert bits is not None
    users = [o for o in graph.operators if index in o.inputs]
    scale = np.broadcast_to(stored.scale, stored.q.shape[0]).copy()
    values = stored.q.astype(_TYPES[bits])
    constant = model.add_constant(graph, graph.tensors[index], values, (scale, 0, 0))
    _replace(users, index, constant)
    for operator in users:
        name = model.name(operator)
        model.set_version(operator, _DYNAMIC[name][bits])
        if name == "FULLY_CONNECTED":
            operator.builtinOptions.asymmetricQuantizeInputs = True
    return bits


def _store_to_be_expanded(
    model: FlatModel, graph: Any, index: int, stored: Stored
) -> int | None:
    """Store integers behind a DEQUANTIZE; the width, or None where none holds them."""
    for bits, kind in _TYPES.items():
        zero_point = _zero_points(stored, bits)
        # LiteRT expands int16 of one scale only.
        is_many = bits > INT8_BITS and stored.scale.size > 1
        if zero_point is None or is_many:
            continue
        shape = [1] * stored.q.ndim
        shape[stored.axis] = -1
        offset = zero_point.reshape(shape if zero_point.size > 1 else ())
        values = (stored.q + offset).astype(kind)
        users = [o for o in graph.operators if index in o.inputs]
        grid = (stored.scale, zero_point, stored.axis)
        source = model.add_constant(graph, graph.tensors[index], values, grid)
        target = model.add_tensor(graph, graph.tensors[index], np.float32, None)
        _replace(users, index, target)
        graph.operators.insert(
            0, model.operator("DEQUANTIZE", _EXPANDING[bits], [source], [target])
        )
        return bits
    return None


def _zero_points(stored: Stored, bits: int) -> NDArray[np.int64] | None:
    """Zero points with which a width holds the integers; zeros where it can."""
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if _fits(stored, bits):
        return np.zeros(stored.scale.size, np.int64)
    axes = tuple(
        a for a in range(stored.q.ndim) if stored.scale.size == 1 or a != stored.axis
    )
    low = stored.q.min(axis=axes).astype(np.int64).reshape(-1)
    high = stored.q.max(axis=axes).astype(np.int64).reshape(-1)
    # Zero is among what a grid holds, whatever else is.
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    return None if np.any(high - low > most - least) else least - low
