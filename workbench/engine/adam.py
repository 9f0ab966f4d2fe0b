"""Adam on masked variables, one fused operation a variable.

Source: Kingma and Ba 2015, arXiv 1412.6980. Where the gradient is masked from the
first step on, both moments stay zero there, so the update does too: a pruned weight
cannot come back through them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7
_HALVES = (tf.float16, tf.bfloat16)


class Adam:
    """Moments of some variables.

    Where a variable has 16 bits, a copy of 32 is trained, which it is rounded from: to
    bfloat16 the second moment would never change, in float16 it would be zero.

    Args:
        variables: What is trained.
    """

    def __init__(self, variables: Sequence[tf.Variable]) -> None:
        """Start with zero moments."""
        self._given = tuple(variables)
        self._variables = tuple(map(_trained, variables))
        self._moments = tuple(
            (
                tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False),
                tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False),
            )
            for v in self._variables
        )

    def moments(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """First and second moment of one variable, by its place."""
        first, second = self._moments[index]
        return first.numpy(), second.numpy()

    def apply(self, gradients: Sequence[tf.Tensor | None], rate: tf.Tensor) -> None:
        """Step along the gradients; inside a graph.

        Args:
            gradients: One for each variable, None where the loss does not depend on it.
            rate: Learning rate with the bias correction in it, from `corrected`.
        """
        for given, variable, (first, second), gradient in zip(
            self._given, self._variables, self._moments, gradients, strict=True
        ):
            if gradient is None:
                continue
            number = variable.dtype
            zero = tf.zeros((), number)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=zero,
                beta2_power=zero,
                lr=tf.cast(rate, number),
                beta1=tf.constant(_BETA_1, number),
                beta2=tf.constant(_BETA_2, number),
                epsilon=tf.constant(_EPSILON, number),
                grad=tf.cast(gradient, number),
            )
            if given is not variable:
                given.assign(tf.cast(variable, given.dtype))


def _trained(variable: tf.Variable) -> tf.Variable:
    if variable.dtype not in _HALVES:
        return variable
    return tf.Variable(tf.cast(variable, tf.float32), trainable=False)


def corrected(rates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rates with Adam's bias correction: ``rate * sqrt(1 - b2^t) / (1 - b1^t)``.

    Args:
        rates: The rate of every step from the first on.
    """
    t = np.arange(1, len(rates) + 1, dtype=np.float64)
    factor = np.sqrt(1 - _BETA_2**t) / (1 - _BETA_1**t)
    return (rates * factor).astype(np.float32)
