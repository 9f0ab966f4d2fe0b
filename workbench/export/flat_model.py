"""A ``.tflite`` file as an editable value: tensors, operators and constants.

The layout is that of LiteRT's schema, whose generated classes come with the runtime.
Nothing here knows what an operator computes.
"""

from __future__ import annotations

import copy
from importlib import import_module
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np

from workbench.export.packing import BITS, INT2, INT4, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def _load_schema() -> Any:
    try:
        return import_module("ai_edge_litert.schema_py_generated")
    except ImportError:
        return import_module("tensorflow.lite.python.schema_py_generated")


_schema = _load_schema()
_TYPES: dict[int, Any] = {
    _schema.TensorType.FLOAT32: np.float32,
    _schema.TensorType.INT32: np.int32,
    _schema.TensorType.UINT8: np.uint8,
    _schema.TensorType.INT64: np.int64,
    _schema.TensorType.BOOL: np.bool_,
    _schema.TensorType.INT16: np.int16,
    _schema.TensorType.INT8: np.int8,
    _schema.TensorType.INT4: INT4,
    _schema.TensorType.INT2: INT2,
}
_NUMBERS = {np.dtype(kind): number for number, kind in _TYPES.items()}
_OPERATORS = {
    number: name
    for name, number in vars(_schema.BuiltinOperator).items()
    if isinstance(number, int)
}
_CONVERSION = ("CONVERSION_METADATA", b"CONVERSION_METADATA")

VALID: int = _schema.Padding.VALID


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
        self._model = _schema.ModelT.InitFromPackedBuf(data)
        self.graphs: list[Any] = self._model.subgraphs
        for graph in self.graphs:
            for operator in graph.operators:
                operator.inputs = [int(i) for i in _items(operator.inputs)]
                operator.outputs = [int(i) for i in _items(operator.outputs)]
            graph.inputs = [int(i) for i in _items(graph.inputs)]
            graph.outputs = [int(i) for i in _items(graph.outputs)]

    @property
    def signatures(self) -> Any:
        """What the file can be called for, with the names of inputs and outputs."""
        return _items(self._model.signatureDefs)

    def name(self, operator: Any) -> str:
        """What an operator is, such as ``CONV_2D``; ``CUSTOM`` for foreign ones."""
        code = self._model.operatorCodes[operator.opcodeIndex]
        return _OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def type_of(self, tensor: Any) -> np.dtype[Any] | None:
        """Type of a tensor's numbers; None for strings, resources and the like."""
        kind = _TYPES.get(tensor.type)
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
            return unpacked(bytes(data), kind, _shape(tensor))
        return np.frombuffer(bytes(data), kind).reshape(_shape(tensor))

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
        tensor.type = _NUMBERS[np.dtype(kind)]
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
        tensor.type = _NUMBERS[values.dtype]
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
        operator = _schema.OperatorT()
        operator.inputs, operator.outputs = inputs, outputs
        operator.opcodeIndex = self._code(name, version)
        return operator

    def multiplication(self, one: int, other: int, target: int) -> Any:
        """A new operator that multiplies two int8 tensors."""
        operator = self.operator("MUL", 2, [one, other], [target])
        operator.builtinOptionsType = _schema.BuiltinOptions.MulOptions
        operator.builtinOptions = _schema.MulOptionsT()
        return operator

    def set_version(self, operator: Any, version: int) -> None:
        """Ask the runtime for at least a version of what an operator is."""
        present = self._model.operatorCodes[operator.opcodeIndex].version
        operator.opcodeIndex = self._code(self.name(operator), max(present, version))

    def make_depthwise(self, operator: Any) -> None:
        """Turn a pooling operator into a depthwise convolution over its windows."""
        pooling = operator.builtinOptions
        options = _schema.DepthwiseConv2DOptionsT()
        options.padding, options.depthMultiplier = pooling.padding, 1
        options.strideH, options.strideW = pooling.strideH, pooling.strideW
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = pooling.fusedActivationFunction
        operator.builtinOptions = options
        operator.builtinOptionsType = _schema.BuiltinOptions.DepthwiseConv2DOptions
        operator.opcodeIndex = self._code("DEPTHWISE_CONV_2D", 3)

    def pack(self) -> bytes:
        """The file, without tensors, constants and codes that nothing uses."""
        for graph in self.graphs:
            self._drop_tensors(graph)
        # How the float file was converted is not true of this one.
        metadata = _items(self._model.metadata)
        self._model.metadata = [e for e in metadata if e.name not in _CONVERSION]
        self._drop_buffers()
        self._drop_codes()
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _code(self, name: str, version: int) -> int:
        number = getattr(_schema.BuiltinOperator, name)
        for index, code in enumerate(self._model.operatorCodes):
            kind = max(code.builtinCode, code.deprecatedBuiltinCode)
            if (kind, code.version) == (number, version):
                return index
        code = _schema.OperatorCodeT()
        # Older readers look at the first field, which ends at 127.
        code.deprecatedBuiltinCode = min(number, 127)
        code.builtinCode, code.version = number, version
        self._model.operatorCodes.append(code)
        return len(self._model.operatorCodes) - 1

    def _buffer(self, values: NDArray[Any]) -> int:
        if values.dtype in BITS:
            values = packed(values)
        buffer = _schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return len(self._model.buffers) - 1

    def _drop_tensors(self, graph: Any) -> None:
        used = {*graph.inputs, *graph.outputs}
        for operator in graph.operators:
            used.update(operator.inputs, operator.outputs)
            used.update(int(i) for i in _items(operator.intermediates))
        used.discard(-1)
        place = {old: new for new, old in enumerate(sorted(used))} | {-1: -1}
        graph.tensors = [graph.tensors[old] for old in sorted(used)]
        graph.inputs = [place[i] for i in graph.inputs]
        graph.outputs = [place[i] for i in graph.outputs]
        for operator in graph.operators:
            operator.inputs = [place[i] for i in operator.inputs]
            operator.outputs = [place[i] for i in operator.outputs]
            if operator.intermediates is not None:
                kept = [place[int(i)] for i in operator.intermediates]
                operator.intermediates = kept
        for signature in self.signatures:
            if self.graphs[signature.subgraphIndex] is graph:
                for entry in (*signature.inputs, *signature.outputs):
                    entry.tensorIndex = place[entry.tensorIndex]

    def _drop_buffers(self) -> None:
        """Keep what is used, equal contents once; buffer 0 stays the empty one."""
        kept: list[Any] = [self._model.buffers[0]]
        places: dict[int, int] = {0: 0}
        contents: dict[bytes, int] = {}
        for entry in self._users_of_buffers():
            old = entry.buffer
            if old not in places:
                data = self._model.buffers[old].data
                content = b"" if data is None else bytes(data)
                is_new = not content or content not in contents
                places[old] = len(kept) if is_new else contents[content]
                if is_new:
                    contents[content] = len(kept)
                    kept.append(self._model.buffers[old])
            entry.buffer = places[old]
        self._model.buffers = kept

    def _users_of_buffers(self) -> Iterator[Any]:
        for graph in self.graphs:
            yield from graph.tensors
        yield from _items(self._model.metadata)

    def _drop_codes(self) -> None:
        operators = [o for graph in self.graphs for o in graph.operators]
        used = sorted({operator.opcodeIndex for operator in operators})
        place = {old: new for new, old in enumerate(used)}
        codes = self._model.operatorCodes
        self._model.operatorCodes = [codes[old] for old in used]
        for operator in operators:
            operator.opcodeIndex = place[operator.opcodeIndex]


def quantization(scale: Any, zero_point: Any, axis: int) -> Any:
    """A tensor's grid: ``real = scale * (q - zero_point)``, scales along an axis."""
    grid = _schema.QuantizationParametersT()
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


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in _items(tensor.shape))


def _items(values: Any) -> Any:
    return () if values is None else values
