"""The float weights behind a kernel while it is retrained: masked and on a grid.

The model's own variable holds what the network will hold: the masked weights rounded
to the grid of their code. The gradient is taken there and applied to the float
weights: the straight-through estimator, exact and the same for every kind of layer.
The scale is learned with it, on a logarithmic axis: with ``v = w / s`` and
``q = clip(round(v))``

    dL/dw = dL/dW'  where v lies within the grid, else 0
    dL/d(log s) = s * sum(dL/dW' * (q - v within the grid, q beyond))

Zero points stay, so that a pruned weight stays exactly zero. Source: Esser et al. 2020
(LSQ), arXiv 1902.08153.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from workbench.core.affine import encode, grid_of_code, quantize
from workbench.core.codes import Float

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras
    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor

_HALF = 0.5


class Projection(NamedTuple):
    """Weights on their grid: scale, weights in steps of it, and those rounded."""

    scale: tf.Tensor
    steps: tf.Tensor
    rounded: tf.Tensor


class Trained(Protocol):
    """One kernel under training, a single tensor or a product of several."""

    variable: tf.Variable
    parts: tuple[QuantizedWeights, ...]
    trained: tuple[tf.Variable, ...]

    def project(self) -> Any:
        """Put what the network will hold into the model; inside a graph."""

    def gradients(
        self, gradient: tf.Tensor | None, projection: Any
    ) -> Sequence[tf.Tensor | None]:
        """Gradients for `trained` from the one at the model's variable; in a graph."""
        ...

    def weights(self) -> NDArray[np.float32]:
        """The float weights, masked."""
        ...

    def tensor(self) -> CompressedTensor:
        """The tensor that the network holds now."""
        ...


class QuantizedWeights:
    """One kernel under training.

    Args:
        variable: The model's variable.
        weights: Float weights to start from; the mask is applied to them.
        tensor: Mask and code; the grid of its code is where the scales start.

    Attributes:
        variable: The model's variable, as TensorFlow knows it.
        parts: What is masked and on a grid by itself: this alone.
        trained: What the optimizer moves: the float weights, and the logarithm of the
            scales where there is a grid.
    """

    def __init__(
        self,
        variable: keras.Variable,
        weights: NDArray[np.float32],
        tensor: CompressedTensor,
    ) -> None:
        """Start from the weights on the tensor's grid."""
        self.variable: tf.Variable = variable.value
        self.parts: tuple[QuantizedWeights, ...] = (self,)
        self._tensor = tensor
        self._mask = None
        if tensor.mask is not None:
            weights = np.where(tensor.mask, weights, np.float32(0))
            self._mask = tf.constant(tensor.mask)
        self._shadow = _variable(weights)
        self.trained: tuple[tf.Variable, ...] = (self._shadow,)
        self._grid = grid_of_code(tensor.code)
        if self._grid is not None:
            grid = self._grid
            low, high = (limit - grid.zero_point for limit in grid.limits)
            self._low, self._high = _limit(low), _limit(high)
            self._log_scale = _variable(np.log(grid.scale))
            self._axes = _shared_axes(weights.shape, grid.scale.shape)
            self.trained = (self._shadow, self._log_scale)

    def project(self) -> Projection | None:
        """Put the quantized weights into the model; inside a graph.

        Returns:
            What `gradients` needs of it; None where there is no grid.
        """
        if self._grid is None:
            self.variable.assign(tf.cast(self._shadow, self.variable.dtype))
            return None
        scale = tf.exp(self._log_scale)
        steps = self._shadow / scale
        rounded = tf.clip_by_value(tf.math.rint(steps), self._low, self._high)
        self.variable.assign(tf.cast(scale * rounded, self.variable.dtype))
        return Projection(scale, steps, rounded)

    def gradients(
        self, gradient: tf.Tensor | None, projection: Projection | None
    ) -> Sequence[tf.Tensor | None]:
        """Gradients for `trained` from the one at the model's variable; in a graph."""
        if gradient is None:
            return (None,) * len(self.trained)
        gradient = tf.cast(gradient, tf.float32)
        if projection is None:
            return (_only(gradient, self._mask),)
        scale, steps, rounded = projection
        gap = rounded - steps
        is_inside = tf.abs(gap) <= _HALF
        # Pruned weights are 0 on the grid: the slope needs no mask.
        slope = tf.where(is_inside, gap, rounded) * gradient
        slope = tf.reduce_sum(slope, self._axes, keepdims=True) * scale
        is_moved = is_inside if self._mask is None else is_inside & self._mask
        return _only(gradient, is_moved), tf.reshape(slope, scale.shape)

    def weights(self) -> NDArray[np.float32]:
        """The float weights, masked."""
        return np.array(self._shadow)

    def tensor(self) -> CompressedTensor:
        """The tensor that the network holds now; its law holds exactly."""
        weights = self.weights()
        if self._grid is None:
            return self._tensor.coded(Float(weights))
        grid = replace(self._grid, scale=np.exp(self._log_scale.numpy()))
        return self._tensor.coded(encode(quantize(weights, grid), grid))

    def check(self, *moments: NDArray[np.float32]) -> None:
        """Hold the mask: weights and the optimizer's moments are zero outside of it.

        Args:
            moments: Arrays of the shape of the weights.

        Raises:
            AssertionError: If one is not; that would be a mistake of this program.
        """
        mask = self._tensor.mask
        for values in (self.weights(), *moments):
            if mask is not None and np.any(values[~mask]):
                raise AssertionError("A pruned weight came back in retraining.")


def _variable(values: NDArray[np.float32]) -> tf.Variable:
    return tf.Variable(tf.constant(values), trainable=False)


def _limit(steps: NDArray[np.int32]) -> tf.Tensor:
    """An end of the grid, a single number where all channels have the same.

    TensorFlow compares with a number several times faster than with a row of them.
    """
    different = np.unique(steps)
    return tf.constant(different[0] if different.size == 1 else steps, tf.float32)


def _only(gradient: tf.Tensor, where: tf.Tensor | None) -> tf.Tensor:
    """The gradient where it counts, else 0; faster than a selection is."""
    return gradient if where is None else gradient * tf.cast(where, tf.float32)


def _shared_axes(shape: tuple[int, ...], scales: tuple[int, ...]) -> list[int]:
    """The axes along which weights share a scale."""
    padded = (1,) * (len(shape) - len(scales)) + scales
    return [axis for axis, count in enumerate(padded) if count == 1]
