"""LiteRT's schema: the classes that a ``.tflite`` file is made of, and its numbers.

They are generated, and come with the runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from workbench.export.packing import INT2, INT4


def _load_schema() -> Any:
    try:
        return import_module("ai_edge_litert.schema_py_generated")
    except ImportError:
        return import_module("tensorflow.lite.python.schema_py_generated")


schema = _load_schema()
TYPES: dict[int, Any] = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.UINT8: np.uint8,
    schema.TensorType.INT64: np.int64,
    schema.TensorType.BOOL: np.bool_,
    schema.TensorType.INT16: np.int16,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.INT4: INT4,
    schema.TensorType.INT2: INT2,
}
NUMBERS = {np.dtype(kind): number for number, kind in TYPES.items()}
OPERATORS = {
    number: name
    for name, number in vars(schema.BuiltinOperator).items()
    if isinstance(number, int)
}

VALID: int = schema.Padding.VALID


def quantization(scale: Any, zero_point: Any, axis: int) -> Any:
    """A tensor's grid: ``real = scale * (q - zero_point)``, scales along an axis."""
    grid = schema.QuantizationParametersT()
    grid.scale = np.atleast_1d(np.asarray(scale, np.float32))
    grid.zeroPoint = np.broadcast_to(
        np.asarray(zero_point, np.int64), grid.scale.shape
    ).copy()
    grid.quantizedDimension = axis
    return grid


def grid_in(tensor: Any) -> tuple[np.float32, int] | None:
    """Scale and zero point of a tensor with one of each; None for others."""
    grid = tensor.quantization
    if grid is None or grid.scale is None or len(grid.scale) != 1:
        return None
    return np.float32(grid.scale[0]), int(grid.zeroPoint[0])


def shape(tensor: Any) -> tuple[int, ...]:
    """Lengths of a tensor's axes."""
    return tuple(int(size) for size in items(tensor.shape))


def items(values: Any) -> Any:
    """What a list of the file holds; it may be missing."""
    return () if values is None else values
