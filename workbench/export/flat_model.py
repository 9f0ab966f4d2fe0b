"""A ``.tflite`` file as an editable value: tensors, operators and constants.

Nothing here knows what an operator computes.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np

from workbench.export.flat_schema import (
    NUMBERS,
    OPERATORS,
    TYPES,
    items,
    quantization,
    schema,
    shape,
)
from workbench.export.flat_unused import drop_unused
from workbench.export.packing import BITS, packed, unpacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CONVERSION = ("CONVERSION_METADATA", b"CONVERSION_METADATA")


class FlatModel:
    """One model, changed in place.

    Args:
        data: Content of a ``.tflite`` file.

    Attributes:
        graphs: Its subgraphs; the first is the one that is called, the others are
            bodies of loops.
    """

    def __init__(self, data: bytes) -> None:
        """Unpack the file."""
        self._model = schema.ModelT.InitFromPackedBuf(data)
        self.graphs: list[Any] = self._model.subgraphs
        for graph in self.graphs:
            for operator in graph.operators:
                operator.inputs = [int(i) for i in items(operator.inputs)]
                operator.outputs = [int(i) for i in items(operator.outputs)]
            graph.inputs = [int(i) for i in items(graph.inputs)]
            graph.outputs = [int(i) for i in items(graph.outputs)]

    @property
    def signatures(self) -> Any:
        """What the file can be called for, with the names of inputs and outputs."""
        return items(self._model.signatureDefs)

    def name(self, operator: Any) -> str:
        """What an operator is, such as ``CONV_2D``; ``CUSTOM`` for foreign ones."""
        code = self._model.operatorCodes[operator.opcodeIndex]
        return OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def type_of(self, tensor: Any) -> np.dtype[Any] | None:
        """Type of a tensor's numbers; None for strings, resources and the like."""
        kind = TYPES.get(tensor.type)
        return None if kind is None else np.dtype(kind)

    def constant(self, graph: Any, index: int) -> NDArray[Any] | None:
        """Values of a constant; None where the tensor is computed."""
        if index < 0:
            return None
        tensor = graph.tensors[index]
        data = self._model.buffers[tensor.buffer].data
        kind = self.type_of(tensor)
        if kind is None or data is None or len(data) == 0:
            return None
        if kind in BITS:
            return unpacked(bytes(data), kind, shape(tensor))
        return np.frombuffer(bytes(data), kind).reshape(shape(tensor))

    def stored_types(self) -> dict[str, int]:
        """How many constant numbers the file holds, by type; shared ones once."""
        counts: dict[str, int] = {}
        seen: set[int] = set()
        for graph in self.graphs:
            for index, tensor in enumerate(graph.tensors):
                values = self.constant(graph, index)
                if values is not None and tensor.buffer not in seen:
                    seen.add(tensor.buffer)
                    name = values.dtype.name
                    counts[name] = counts.get(name, 0) + values.size
        return counts

    def add_tensor(
        self,
        graph: Any,
        like: Any,
        kind: type[np.generic],
        grid: tuple[Any, Any, int] | None,
    ) -> int:
        """Add a computed tensor with another one's shape.

        Args:
            graph: Where to.
            like: Tensor whose shape and name it takes.
            kind: Type of its numbers.
            grid: Scales, zero points, and the axis along which they vary; None for
                plain numbers.

        Returns:
            Its index.
        """
        tensor = copy.copy(like)
        tensor.type = NUMBERS[np.dtype(kind)]
        tensor.quantization = None if grid is None else quantization(*grid)
        tensor.buffer = 0
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def add_constant(
        self,
        graph: Any,
        like: Any,
        values: NDArray[Any],
        grid: tuple[Any, Any, int] | None = None,
    ) -> int:
        """Add a constant; its index.

        Args:
            graph: Where to.
            like: Tensor whose name it takes.
            values: Its values; equal ones share their bytes.
            grid: As for `add_tensor`; None for plain numbers.
        """
        tensor = copy.copy(like)
        tensor.type = NUMBERS[values.dtype]
        tensor.shape = np.array(values.shape, np.int32)
        tensor.shapeSignature = None
        tensor.quantization = None if grid is None else quantization(*grid)
        tensor.buffer = self._buffer(values)
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def operator(
        self, name: str, version: int, inputs: list[int], outputs: list[int]
    ) -> Any:
        """A new operator without options; it is not placed anywhere yet."""
        operator = schema.OperatorT()
        operator.inputs, operator.outputs = inputs, outputs
        operator.opcodeIndex = self._code(name, version)
        return operator

    def multiplication(self, one: int, other: int, target: int) -> Any:
        """A new operator that multiplies two int8 tensors."""
        operator = self.operator("MUL", 2, [one, other], [target])
        operator.builtinOptionsType = schema.BuiltinOptions.MulOptions
        operator.builtinOptions = schema.MulOptionsT()
        return operator

    def set_version(self, operator: Any, version: int) -> None:
        """Ask the runtime for at least a version of what an operator is."""
        present = self._model.operatorCodes[operator.opcodeIndex].version
        operator.opcodeIndex = self._code(self.name(operator), max(present, version))

    def make_depthwise(self, operator: Any) -> None:
        """Turn a pooling operator into a depthwise convolution over its windows."""
        pooling = operator.builtinOptions
        options = schema.DepthwiseConv2DOptionsT()
        options.padding, options.depthMultiplier = pooling.padding, 1
        options.strideH, options.strideW = pooling.strideH, pooling.strideW
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = pooling.fusedActivationFunction
        operator.builtinOptions = options
        operator.builtinOptionsType = schema.BuiltinOptions.DepthwiseConv2DOptions
        operator.opcodeIndex = self._code("DEPTHWISE_CONV_2D", 3)

    def pack(self) -> bytes:
        """The file, without tensors, constants and codes that nothing uses."""
        # How the float file was converted is not true of this one.
        metadata = items(self._model.metadata)
        self._model.metadata = [e for e in metadata if e.name not in _CONVERSION]
        drop_unused(self._model)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _code(self, name: str, version: int) -> int:
        number = getattr(schema.BuiltinOperator, name)
        for index, code in enumerate(self._model.operatorCodes):
            kind = max(code.builtinCode, code.deprecatedBuiltinCode)
            if (kind, code.version) == (number, version):
                return index
        code = schema.OperatorCodeT()
        # Older readers look at the first field, which ends at 127.
        code.deprecatedBuiltinCode = min(number, 127)
        code.builtinCode, code.version = number, version
        self._model.operatorCodes.append(code)
        return len(self._model.operatorCodes) - 1

    def _buffer(self, values: NDArray[Any]) -> int:
        if values.dtype in BITS:
            values = packed(values)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return len(self._model.buffers) - 1
