"""BatchNorm in one operation while a model is retrained.

Keras normalizes in a dozen passes over the activations, TensorFlow's fused operation
in three: a step of the demo's CNN takes 60 ms instead of 82. Values and gradients are
the same but for rounding.

The statistics follow the batches to the end. Frozen after two thirds they cost that
CNN 1.2 points at 80 % sparsity and 2 bits, where a weight that changes its level moves
its channel, and at 4 bits made no difference that two seeds could tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from workbench.engine.layers import layers

if TYPE_CHECKING:
    from collections.abc import Callable


def fuse(model: keras.Model) -> None:
    """Replace the calls of a model's BatchNorm layers that are trained.

    Args:
        model: A copy of the user's model, changed in place.
    """
    for layer in layers(model).values():
        if type(layer) is keras.layers.BatchNormalization and layer.trainable:
            layer.call = _call(layer, layer.call)


def _call(
    norm: keras.layers.BatchNormalization, plain: Callable[..., Any]
) -> Callable[..., Any]:
    # TensorFlow's operation has them in float32.
    is_usual = norm.variable_dtype == "float32"
    can_fuse = is_usual and not (norm.renorm or norm.synchronized)

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        is_last = norm.axis in (-1, len(inputs.shape) - 1)
        if training and can_fuse and is_last and mask is None:
            return _fused(norm, inputs)
        return plain(inputs, training=training, mask=mask)

    return call


def _fused(norm: Any, inputs: tf.Tensor) -> tf.Tensor:
    channels = norm.moving_mean.shape
    rows = tf.reshape(tf.cast(inputs, tf.float32), (-1, 1, 1, *channels))
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        rows,
        norm.gamma.value if norm.scale else tf.ones(channels),
        norm.beta.value if norm.center else tf.zeros(channels),
        epsilon=norm.epsilon,
    )
    # TensorFlow gives the unbiased variance, Keras keeps the biased one.
    count = tf.cast(tf.shape(rows)[0], tf.float32)
    variance *= (count - 1) / count
    for moving, now in ((norm.moving_mean, mean), (norm.moving_variance, variance)):
        moving.assign(moving * norm.momentum + now * (1 - norm.momentum))
    return tf.cast(tf.reshape(outputs, tf.shape(inputs)), norm.compute_dtype)
