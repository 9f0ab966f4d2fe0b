"""A kernel under retraining that is a product: its factors are trained, not itself.

The model's variable holds the product. The gradient is taken there and led on to the
factors by the chain rule: with ``W = A B``, ``dL/dA = dL/dW B^T`` and
``dL/dB = A^T dL/dW``. Each factor is masked and on a grid by itself.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from workbench.core.codes import LowRank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor
    from workbench.engine.quantized_weights import Projection, QuantizedWeights


class FactoredWeights:
    """One kernel under training, with the interface of `QuantizedWeights`.

    Args:
        variable: The model's variable.
        parts: The factors under training, in the order of the product.
        tensor: The product; its code is `LowRank`.

    Attributes:
        variable: The model's variable, as TensorFlow knows it.
        parts: The factors.
        trained: What the optimizer moves: that of all factors, one after the other.
    """

    def __init__(
        self,
        variable: keras.Variable,
        parts: Sequence[QuantizedWeights],
        tensor: CompressedTensor,
    ) -> None:
        """Take the factors over."""
        self.variable: tf.Variable = variable.value
        self.parts = tuple(parts)
        self.trained: tuple[tf.Variable, ...] = tuple(
            value for part in parts for value in part.trained
        )
        self._tensor = tensor

    def project(self) -> tuple[Projection | None, ...]:
        """Put the product into the model; inside a graph."""
        projections = tuple(part.project() for part in self.parts)
        product = self._product([part.variable for part in self.parts])
        self.variable.assign(tf.cast(product, self.variable.dtype))
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
            product = self._product(values)
        outer: Any = tf.cast(gradient, tf.float32)
        slopes: Any = tape.gradient(product, values, outer)
        return [
            inner
            for part, slope, own in zip(self.parts, slopes, projection, strict=True)
            for inner in part.gradients(slope, own)
        ]

    def weights(self) -> NDArray[np.float32]:
        """The product of the float weights."""
        product = reduce(np.matmul, [part.weights() for part in self.parts])
        return np.ascontiguousarray(product.reshape(self._tensor.dense.shape))

    def tensor(self) -> CompressedTensor:
        """The tensor that the network holds now; its law holds exactly."""
        factors = tuple(part.tensor() for part in self.parts)
        return self._tensor.coded(LowRank(factors, self._tensor.dense.shape))

    def _product(self, values: Sequence[Any]) -> tf.Tensor:
        return tf.reshape(reduce(tf.matmul, values), self._tensor.dense.shape)
