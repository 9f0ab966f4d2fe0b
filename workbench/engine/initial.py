"""What variables begin with: values that are there already, in their own memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workbench.core import aligned

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray


class Given:
    """An initializer that gives a value; that of another variable in its memory.

    Args:
        value: A variable or an array.
    """

    def __init__(self, value: keras.Variable | NDArray[Any]) -> None:
        """Keep the value."""
        self._value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Any:  # noqa: ARG002
        """The value, whatever shape is asked for."""
        return tf.convert_to_tensor(self._value, dtype=dtype)


class Unset:
    """An initializer for what is assigned anyway: zeros that take no memory yet.

    Drawing the weights of a large model takes seconds, and twice its memory.
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Zeros of a shape and type."""
        if dtype is None or tf.as_dtype(dtype) == tf.float32:
            return shared(aligned.zeros(tuple(shape)))
        return tf.zeros(shape, dtype)


def shared(values: NDArray[np.float32]) -> tf.Tensor:
    """An array as a tensor: in its own memory where that can be, else in a copy.

    TensorFlow's own way makes two copies on the way to one.

    Args:
        values: Not written to any more, nor by TensorFlow: a variable that is assigned
            such a tensor may be assigned others, but not trained.
    """
    # NumPy shares its own types alone, and bfloat16 is none of them.
    if not values.size or values.dtype.isbuiltin != 1:
        return tf.convert_to_tensor(values)
    if not (values.flags.writeable and aligned.is_aligned(values)):
        values = aligned.copy(values)
    return tf.experimental.dlpack.from_dlpack(values.__dlpack__())
