"""Fake quantization of activations, as parameters of a model that is traced once.

``x' = s * clip(round(x / s), low, high)`` with ``low = q_min - z``, ``high = q_max -
z`` for scale s and zero point z: the grid of `workbench.core.affine`, any bit width, so
that a change of bits, range or switch assigns a variable and never traces again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from workbench.engine.graph import operations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from workbench.core.affine import Grid
    from workbench.engine.outputs import Place

    Scalar: TypeAlias = tf.Tensor | float
    Change: TypeAlias = Callable[[tf.Tensor], tf.Tensor]


def fake_quantize(x: tf.Tensor, scale: Scalar, low: Scalar, high: Scalar) -> tf.Tensor:
    """Round to a grid and back: ``s * clip(round(x / s), low, high)``.

    Args:
        x: Any shape, float32.
        scale: Positive scalar.
        low: Smallest grid point in steps of the scale, the zero point taken off.
        high: Largest one.

    Returns:
        Shape of `x`; ties go to even.
    """
    steps = tf.math.rint(x / scale)
    clipped = tf.raw_ops.ClipByValue(t=steps, clip_value_min=low, clip_value_max=high)
    return clipped * scale


def straight_through(
    x: tf.Tensor, scale: Scalar, low: Scalar, high: Scalar
) -> tf.Tensor:
    """`fake_quantize` whose gradient passes inside the range and is zero outside.

    TensorFlow keeps what a custom gradient refers to for ever, the graph with it: here
    a difference of nothing carries the gradient instead.

    Source: Bengio et al. 2013, arXiv 1308.3432.
    """
    steps = x / scale
    # Half a step more than the range still rounds into it.
    is_inside = (steps >= low - 0.5) & (steps <= high + 0.5)
    passing = tf.where(is_inside, x - tf.stop_gradient(x), 0.0)
    return tf.stop_gradient(fake_quantize(x, scale, low, high)) + passing


class QuantizedActivations:
    """The fake quantization of every place of a model, switched off at first.

    Args:
        model: A copy of the user's model; the calls of its layers are wrapped.
        places: Where its activations can be quantized.
        is_trained: Whether gradients pass straight through.

    Attributes:
        variables: By the place's path ``[scale, low, high, is on]``, float32.
    """

    def __init__(
        self, model: keras.Model, places: Sequence[Place], *, is_trained: bool = False
    ) -> None:
        """Wrap the calls."""
        self._quantize = straight_through if is_trained else fake_quantize
        self.variables = {
            place.site.path: tf.Variable(tf.constant(_OFF), trainable=False)
            for place in places
        }
        changes = {path: self._change(v) for path, v in self.variables.items()}
        self._inputs = wrap(model, places, changes)

    def inputs(self, arrays: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The model's inputs as they enter it; inside a graph."""
        return [
            self._inputs[i](array) if i in self._inputs else array
            for i, array in enumerate(arrays)
        ]

    def load(self, grids: Mapping[str, Grid]) -> None:
        """Switch on the places that have a grid, and off all others."""
        for path, variable in self.variables.items():
            values = parameters(grids[path]) if path in grids else _OFF
            variable.assign(values)

    def _change(self, variable: tf.Variable) -> Change:
        def change(x: tf.Tensor) -> tf.Tensor:
            values = tf.cast(x, tf.float32)
            scale, low, high, is_on = tf.unstack(variable.value())
            changed = tf.cond(
                is_on > 0,
                lambda: self._quantize(values, scale, low, high),
                lambda: values,
            )
            changed.set_shape(x.shape)
            return tf.cast(changed, x.dtype)

        return change


def parameters(grid: Grid) -> list[float]:
    """What a place's variable holds for a grid: ``[scale, low, high, 1]``."""
    smallest, largest = grid.limits
    zero_point = int(np.reshape(grid.zero_point, ()))
    scale = float(np.reshape(grid.scale, ()))
    return [scale, smallest - zero_point, largest - zero_point, 1.0]


def wrap(
    model: keras.Model, places: Sequence[Place], changes: Mapping[str, Change]
) -> dict[int, Change]:
    """Send the tensors of each place through its change.

    Args:
        model: A copy of the user's model; layers and activations are wrapped in place.
        places: The places.
        changes: For each place's path what becomes of its tensors.

    Returns:
        The changes of the model's inputs, which the caller applies, by input.
    """
    found = operations(model)
    inputs: dict[int, Change] = {}
    for place in places:
        change = changes[place.site.path]
        if place.at == "input":
            inputs[place.index] = change
            continue
        operation: Any = found[place.operation]
        if place.at == "activation":
            operation.activation = _before(operation.activation, change)
        else:
            operation.call = _after(operation.call, change)
    return inputs


def _after(call: Callable[..., Any], change: Change) -> Callable[..., Any]:
    def changed(*args: Any, **kwargs: Any) -> Any:
        return keras.tree.map_structure(
            lambda x: change(x) if _is_float(x) else x, call(*args, **kwargs)
        )

    return changed


def _before(activation: Callable[..., Any], change: Change) -> Callable[..., Any]:
    def changed(x: Any) -> Any:
        return activation(change(x))

    return changed


def _is_float(x: Any) -> bool:
    return isinstance(x, tf.Tensor) and x.dtype.is_floating


_OFF = [1.0, 0.0, 0.0, 0.0]
