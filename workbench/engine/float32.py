"""A model in float32, whatever the policies of its layers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    import keras

_OTHERS = frozenset({"float16", "bfloat16", "float64"})


def widen(model: keras.Model) -> None:
    """Let a model compute in float32 and hold its weights in it.

    Args:
        model: A model of our own that is not traced yet; it is changed.
    """
    # The cells of recurrent layers too, which have a policy of their own.
    for layer in model._flatten_layers(include_self=True, recursive=True):
        layer.dtype_policy = "float32"
    for variable in model.variables:
        if variable.dtype in _OTHERS:
            values = tf.cast(variable.value, tf.float32)
            variable._dtype = "float32"
            variable._initialize(values)
