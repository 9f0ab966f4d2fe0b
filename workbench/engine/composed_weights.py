"""A kernel under retraining that is made of parts: these are trained, not itself.

The model's variable holds the whole. The gradient is taken there and led on to the
parts by the chain rule: of a product ``W = A B``, ``dL/dA = dL/dW B^T`` and
``dL/dB = A^T dL/dW``; of gates side by side each has its slice. Each part is masked and
on a grid by itself.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from workbench.core.codes import Composed, Gates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor
    from workbench.engine.quantized_weights import Projection, QuantizedWeights


class ComposedWeights:
    """One kernel under training, with the interface of `QuantizedWeights`.

    Args:
        variable: The model's variable.
        parts: The factors or gates under training, in their order.
        tensor: The whole; its code is `Composed`.

    Attributes:
        variable: The model's variable, as TensorFlow knows it.
        parts: The factors or gates.
        trained: What the optimizer moves: that of all parts, one after the other.
    """

    def __init__(
        self,
        variable: keras.Variable,
        parts: Sequence[QuantizedWeights],
        tensor: CompressedTensor,
    ) -> None:
        """Take the parts over."""
        assert isinstance(tensor.code, Composed)
        self.variable: tf.Variable = variable.value
        self.parts = tuple(parts)
        self.trained: tuple[tf.Variable, ...] = tuple(
            value for part in parts for value in part.trained
        )
        self._tensor, self._code = tensor, tensor.code

    def project(self) -> tuple[Projection | None, ...]:
        """Put the whole into the model; inside a graph."""
        projections = tuple(part.project() for part in self.parts)
        whole = self._whole([part.variable for part in self.parts])
        self.variable.assign(tf.cast(whole, self.variable.dtype))
        return projections

    def gradients(
        self, gradient: tf.Tensor | None, projection: tuple[Projection | None, ...]
    ) -> Sequence[tf.Tensor | None]:
        """Gradients for `trained` from the one at the model's variable; in a graph."""
        if gradient is None:
            return (None,) * len(self.trained)
        values: list[Any] = [tf.convert_to_tensor(part.variable) for part in self.parts]
        with tf.GradientTape() as tape:
            tape.watch(values)
            whole = self._whole(values)
        outer: Any = tf.cast(gradient, tf.float32)
        slopes: Any = tape.gradient(whole, values, outer)
        return [
            inner
            for part, slope, own in zip(self.parts, slopes, projection, strict=True)
            for inner in part.gradients(slope, own)
        ]

    def weights(self) -> NDArray[np.float32]:
        """The float weights; of a product what they come to."""
        weights = [part.weights() for part in self.parts]
        if isinstance(self._code, Gates):
            return np.concatenate(weights, axis=-1)
        return np.ascontiguousarray(
            reduce(np.matmul, weights).reshape(self._code.shape)
        )

    def tensor(self) -> CompressedTensor:
        """The tensor that the network holds now; its law holds exactly."""
        parts = tuple(part.tensor() for part in self.parts)
        return self._tensor.coded(replace(self._code, parts=parts))

    def _whole(self, values: Sequence[Any]) -> tf.Tensor:
        if isinstance(self._code, Gates):
            return tf.concat(values, axis=-1)
        return tf.reshape(reduce(tf.matmul, values), self._code.shape)
