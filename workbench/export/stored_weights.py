"""Kernels stored as integers in a file that computes in floats.

Where LiteRT has a kernel that multiplies int8 weights with activations rounded on the
fly ("dynamic range"), that is used; elsewhere a DEQUANTIZE makes floats of the stored
integers when the file is loaded. Either way the file holds the integers and scales of
the simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.int8 import int8_factor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from workbench.export.flat_model import FlatModel
    from workbench.export.kernels_in_file import Stored

# Operators whose dynamic-range kernels are used, and the version from which they take
# one scale per channel; the output axis of their weights is the first. With depthwise
# and small kernels rounded too, the demo CNN took twice the time.
_DYNAMIC = {"CONV_2D": 5, "FULLY_CONNECTED": 12}
# Weights from which on it is done, as in LiteRT's converter.
_FEWEST = 1024
_WIDTHS = (np.int8, np.int16)


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
            constant = int8_channels(model, graph, index, stored, 0, is_scaled=False)
            assert constant is not None
            _replace(users, index, constant)
            for operator in users:
                name = model.name(operator)
                model.set_version(operator, _DYNAMIC[name])
                if name == "FULLY_CONNECTED":
                    operator.builtinOptions.asymmetricQuantizeInputs = True
            kept.append(Kept(stored.path, stored.bits, 8, is_dynamic=True))
            continue
        bits = _store_to_be_expanded(model, graph, index, stored)
        if bits is not None:
            kept.append(Kept(stored.path, stored.bits, bits, is_dynamic=False))
    return tuple(kept)


def int8_channels(  # noqa: PLR0913  # where it is, what it is, how
    model: FlatModel,
    graph: Any,
    index: int,
    stored: Stored,
    axis: int,
    *,
    is_scaled: bool = True,
) -> int | None:
    """Add a kernel as int8, one scale per channel; the index of the new constant.

    Args:
        model: The file.
        graph: Where the kernel is.
        index: Its float constant.
        stored: Its integers.
        axis: The output axis, one scale for each of its indices.
        is_scaled: Whether integers of fewer bits are multiplied, see `core.int8`.

    Returns:
        None where the scales vary along another axis or int8 does not hold the
        integers.
    """
    if not stored.fits_int8 or (stored.scale.size > 1 and stored.axis != axis):
        return None
    largest = int(np.abs(stored.q).max(initial=0))
    factor = int8_factor(largest) if is_scaled else 1
    values = (stored.q * factor).astype(np.int8)
    scale = np.broadcast_to(stored.scale / np.float32(factor), values.shape[axis])
    grid = (scale.copy(), 0, axis)
    return model.add_constant(graph, graph.tensors[index], values, grid)


def _is_dynamic(
    model: FlatModel, users: Iterable[Any], index: int, stored: Stored
) -> bool:
    is_usable = all(
        model.name(operator) in _DYNAMIC and operator.inputs.index(index) == 1
        for operator in users
    )
    is_by_channel = stored.scale.size == 1 or stored.axis == 0
    return is_usable and is_by_channel and stored.fits_int8 and stored.q.size >= _FEWEST


def _replace(users: Iterable[Any], old: int, new: int) -> None:
    for operator in users:
        operator.inputs = [new if i == old else i for i in operator.inputs]


def _store_to_be_expanded(
    model: FlatModel, graph: Any, index: int, stored: Stored
) -> int | None:
    """Store integers behind a DEQUANTIZE; the width, or None where none holds them."""
    for width in _WIDTHS:
        zero_point = _zero_points(stored, width)
        # LiteRT expands int16 of one scale only.
        is_many = width is np.int16 and stored.scale.size > 1
        if zero_point is None or is_many:
            continue
        shape = [1] * stored.q.ndim
        shape[stored.axis] = -1
        offset = zero_point.reshape(shape if zero_point.size > 1 else ())
        values = (stored.q + offset).astype(width)
        users = [o for o in graph.operators if index in o.inputs]
        grid = (stored.scale, zero_point, stored.axis)
        source = model.add_constant(graph, graph.tensors[index], values, grid)
        target = model.add_tensor(graph, graph.tensors[index], np.float32, None)
        _replace(users, index, target)
        version = 2 if width is np.int8 else 3
        graph.operators.insert(
            0, model.operator("DEQUANTIZE", version, [source], [target])
        )
        return np.iinfo(width).bits
    return None


def _zero_points(stored: Stored, width: type[np.integer]) -> NDArray[np.int64] | None:
    """Zero points with which a width holds the integers; zeros where it can."""
    least, most = np.iinfo(width).min, np.iinfo(width).max
    if np.abs(stored.q).max(initial=0) <= most:
        return np.zeros(stored.scale.size, np.int64)
    axes = tuple(
        a for a in range(stored.q.ndim) if stored.scale.size == 1 or a != stored.axis
    )
    low = stored.q.min(axis=axes).astype(np.int64).reshape(-1)
    high = stored.q.max(axis=axes).astype(np.int64).reshape(-1)
    if np.any(high - low > most - least):
        return None
    return np.clip(least - np.minimum(low, 0), least, most)
