"""A small ``.tflite`` file in memory, written operator by operator.

The layout is that of LiteRT's schema (a FlatBuffer); its generated classes come with
the runtime. One graph of fixed shapes, nothing quantized.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_schema: Any = schema_py_generated
SAME: int = _schema.Padding.SAME
VALID: int = _schema.Padding.VALID
_VERSION = 3
_MARK = b"TFL3"


class FlatBuilder:
    """A graph under construction; tensors are numbers."""

    def __init__(self) -> None:
        """Empty."""
        self._codes: dict[str, int] = {}
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        # The first buffer is that of all that is computed.
        self._buffers: list[Any] = [_schema.BufferT()]

    def tensor(self, shape: Sequence[int], kind: Any) -> int:
        """A tensor that is given or computed.

        Args:
            shape: Length of each axis.
            kind: Type of its numbers.
        """
        return self._add(shape, kind, 0)

    def constant(self, values: NDArray[Any]) -> int:
        """A tensor that holds values."""
        buffer = _schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._buffers.append(buffer)
        return self._add(values.shape, values.dtype, len(self._buffers) - 1)

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        output: int,
        options: str = "",
        **values: Any,
    ) -> None:
        """Append an operator.

        Args:
            name: As in the schema, such as ``CONV_2D``.
            inputs: Tensors it takes.
            output: The tensor it makes.
            options: Class of its options, such as ``Conv2DOptions``; none where empty.
            **values: Fields of the options.
        """
        operator = _schema.OperatorT()
        operator.opcodeIndex = self._codes.setdefault(name, len(self._codes))
        operator.inputs, operator.outputs = list(inputs), [output]
        if options:
            operator.builtinOptionsType = getattr(_schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(_schema, f"{options}T")(**values)
        self._operators.append(operator)

    def pack(self, inputs: Sequence[int], outputs: Sequence[int]) -> FlatFile:
        """The file.

        Args:
            inputs: Tensors that are given.
            outputs: Tensors that are asked for.
        """
        graph = _schema.SubGraphT()
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs, graph.outputs = list(inputs), list(outputs)
        model = _schema.ModelT()
        model.version, model.subgraphs = _VERSION, [graph]
        model.buffers = self._buffers
        model.operatorCodes = [_code(name) for name in self._codes]
        builder = flatbuffers.Builder(sum(map(_length, self._buffers)) + 2**16)
        builder.Finish(model.Pack(builder), _MARK)
        places = [tensor.buffer for tensor in self._tensors]
        return FlatFile(builder.Output(), places)

    def _add(self, shape: Sequence[int], kind: Any, buffer: int) -> int:
        tensor = _schema.TensorT()
        tensor.shape = np.array(shape, np.int32)
        tensor.type = _TYPES[np.dtype(kind).name]
        tensor.name = f"t{len(self._tensors)}"
        tensor.buffer = buffer
        self._tensors.append(tensor)
        return len(self._tensors) - 1


class FlatFile:
    """A packed file whose constants can be written anew.

    Args:
        content: The file; it is written to.
        buffers: For each tensor the buffer of its values.
    """

    def __init__(self, content: bytearray, buffers: Sequence[int]) -> None:
        """Find the constants."""
        self._content, self._buffers = content, buffers
        self._model = _schema.Model.GetRootAs(content, 0)

    def write(self, tensor: int, values: NDArray[Any]) -> None:
        """Replace the values of a constant, of as many bytes."""
        place = self._model.Buffers(self._buffers[tensor]).DataAsNumpy()
        place[:] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)

    def to_bytes(self) -> bytes:
        """The file as it is now."""
        return bytes(self._content)


def has_type(kind: Any) -> bool:
    """Whether tensors can be of a type of numbers."""
    return np.dtype(kind).name in _TYPES


def _code(name: str) -> Any:
    number = getattr(_schema.BuiltinOperator, name)
    code = _schema.OperatorCodeT()
    # Older readers look at the first field, which ends at 127.
    code.deprecatedBuiltinCode = min(number, 127)
    code.builtinCode, code.version = number, 1
    return code


def _length(buffer: Any) -> int:
    return 0 if buffer.data is None else len(buffer.data)


_TYPES: dict[str, int] = {
    "float32": _schema.TensorType.FLOAT32,
    "int32": _schema.TensorType.INT32,
    "uint8": _schema.TensorType.UINT8,
    "int64": _schema.TensorType.INT64,
    "int8": _schema.TensorType.INT8,
    "int16": _schema.TensorType.INT16,
}
