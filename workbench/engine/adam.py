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


class Adam:
    """Moments of some variables.

    Args:
        variables: What is trained.
    """

    def __init__(self, variables: Sequence[tf.Variable]) -> None:
        """Start with zero moments."""
        self._variables = tuple(variables)
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
        for variable, (first, second), gradient in zip(
            self._variables, self._moments, gradients, strict=True
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


def corrected(rates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rates with Adam's bias correction: ``rate * sqrt(1 - b2^t) / (1 - b1^t)``.

    Args:
        rates: The rate of every step from the first on.
    """
    t = np.arange(1, len(rates) + 1, dtype=np.float64)
    factor = np.sqrt(1 - _BETA_2**t) / (1 - _BETA_1**t)
    return (rates * factor).astype(np.float32)
