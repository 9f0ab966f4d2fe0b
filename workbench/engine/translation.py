"""A part of TensorFlow's graph as a ``.tflite`` file in memory, where that is possible.

LiteRT runs a convolutional net about twice as fast as TensorFlow does: its kernels pack
their weights, use their memory again and take in what follows a convolution. Only
operations that treat each sample by itself are translated, so that any number of them
can be run at once. Whoever uses a translation tries it out against the original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.engine.batching import sizes
from workbench.engine.flat_builder import FlatBuilder, has_type
from workbench.engine.translation_rules import RULES, Untranslatable

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    import tensorflow as tf
    from numpy.typing import NDArray

    from workbench.engine.flat_builder import FlatFile
    from workbench.engine.flat_weights import Folded

# The shape that a tensor takes is read off the graph, not computed.
_READ_FIRST = frozenset({"Reshape"})


class Translation:
    """The operations between some tensors of a graph, in LiteRT's.

    Args:
        operations: All operations of the graph, in order.
        given: The tensors to start from.
        made: The tensors to end with.
        data: Names of the operations that depend on the samples.
        rows: Samples at once; they are part of every shape.

    Raises:
        Untranslatable: If one of the operations is not known here, or not so.

    Attributes:
        rows: Samples at once.
        flat: The file under construction, for the rules.
        file: The file; `write` gives it its weights.
        parameters: What the weights come from: tensors that do not depend on the
            samples, by name.
    """

    def __init__(
        self,
        operations: Sequence[tf.Operation],
        given: Sequence[tf.Tensor],
        made: Sequence[tf.Tensor],
        data: Container[str],
        rows: int,
    ) -> None:
        """Translate every operation that is needed."""
        self.rows, self._data = rows, data
        self.flat = FlatBuilder()
        self.parameters: dict[str, tf.Tensor] = {}
        self._numbers: dict[str, int] = {}
        self._folded: list[tuple[Folded, int, int]] = []
        self._plain: list[tuple[str, int]] = []
        self._absorbed: set[str] = set()
        inputs = [self.make(tensor) for tensor in given]
        self._made = {tensor.name for tensor in made}
        needed = self._needed(made)
        self._users = _users(needed, self.is_data)
        for operation in operations:
            if operation.name in needed and operation.name not in self._absorbed:
                self._translate(operation)
        outputs = [self.number(tensor) for tensor in made]
        self.file: FlatFile = self.flat.pack(inputs, outputs)

    def write(self, values: Mapping[str, NDArray[Any]]) -> None:
        """Give the file its weights.

        Args:
            values: Of each of the `parameters`, by name.
        """
        for folded, *numbers in self._folded:
            for number, array in zip(numbers, folded.arrays(values), strict=True):
                self.file.write(number, array)
        for name, number in self._plain:
            self.file.write(number, values[name])

    def is_data(self, tensor: tf.Tensor) -> bool:
        """Whether a tensor depends on the samples."""
        return tensor.op.name in self._data

    def number(self, tensor: tf.Tensor) -> int:
        """The file's number of a tensor that depends on the samples."""
        return self._numbers[tensor.name]

    def make(self, tensor: tf.Tensor) -> int:
        """A new tensor of the file, in the place of one of the graph.

        Raises:
            Untranslatable: If the file has no such shape or type.
        """
        if not has_type(tensor.dtype.as_numpy_dtype):
            raise Untranslatable(tensor.name)
        number = self.flat.tensor(self.shape(tensor), tensor.dtype.as_numpy_dtype)
        return self._numbers.setdefault(tensor.name, number)

    def rename(self, tensor: tf.Tensor, same: tf.Tensor) -> None:
        """A tensor that is the same as another one."""
        self._numbers[tensor.name] = self.number(same)

    def shape(self, tensor: tf.Tensor) -> tuple[int, ...]:
        """The shape of a tensor in the file.

        Raises:
            Untranslatable: If it is not known but for the samples.
        """
        samples, *others = tensor.shape.as_list() if tensor.shape.rank else [0]
        if samples is not None or None in others:
            raise Untranslatable(tensor.name)
        return (self.rows, *sizes(tensor)[1:])

    def weights(self, folded: Folded) -> list[int]:
        """Constants for kernel and bias, written later."""
        shape = tuple(folded.shape[axis] for axis in folded.order)
        kernel, bias = (
            self.flat.constant(np.zeros(size, np.float32))
            for size in (shape, folded.shape[-1:])
        )
        self._folded.append((folded, kernel, bias))
        return [kernel, bias]

    def parameter(self, tensor: tf.Tensor) -> str:
        """The name of a tensor whose values a weight comes from.

        Raises:
            Untranslatable: If it is no float32, or of no known shape.
        """
        if tensor.dtype != "float32" or not tensor.shape.is_fully_defined():
            raise Untranslatable(tensor.name)
        self.parameters[tensor.name] = tensor
        return tensor.name

    def operand(self, tensor: tf.Tensor) -> int:
        """The number of a tensor that may be a parameter."""
        if self.is_data(tensor):
            return self.number(tensor)
        name = self.parameter(tensor)
        number = self.flat.constant(np.zeros(sizes(tensor), np.float32))
        self._plain.append((name, number))
        return number

    def only_user(self, tensor: tf.Tensor) -> tf.Operation | None:
        """The one operation that uses a tensor; None where others want it too."""
        users = self._users.get(tensor.name, [])
        return users[0] if len(users) == 1 and tensor.name not in self._made else None

    def absorb(self, operation: tf.Operation) -> None:
        """Leave an operation out, as another one does its work."""
        self._absorbed.add(operation.name)

    def _translate(self, operation: tf.Operation) -> None:
        if operation.type not in RULES:
            raise Untranslatable(operation.type)
        RULES[operation.type](self, operation)

    def _needed(self, made: Sequence[tf.Tensor]) -> dict[str, tf.Operation]:
        """The operations that lead to some tensors."""
        needed: dict[str, tf.Operation] = {}
        waiting = [t for t in made if t.name not in self._numbers]
        while waiting:
            operation = waiting.pop().op
            if operation.name in needed:
                continue
            needed[operation.name] = operation
            for tensor in _inputs(operation):
                if self.is_data(tensor) and tensor.name not in self._numbers:
                    waiting.append(tensor)
        return needed


def _users(
    needed: Mapping[str, tf.Operation], is_data: Any
) -> dict[str, list[tf.Operation]]:
    """For each tensor the operations that take it."""
    users: dict[str, list[tf.Operation]] = {}
    for operation in needed.values():
        for tensor in filter(is_data, _inputs(operation)):
            users.setdefault(tensor.name, []).append(operation)
    return users


def _inputs(operation: tf.Operation) -> list[tf.Tensor]:
    inputs = list(operation.inputs)
    return inputs[:1] if operation.type in _READ_FIRST else inputs
