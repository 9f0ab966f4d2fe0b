"""What retraining minimises: the model's loss, mixed with the original's answers.

    L = (1 - a) loss(y, p) + a T^2 KL(softmax(z' / T) || softmax(z / T))

with z the logits of the model under training, z' those of the original, temperature T
and share a. A softmax output gives its logits back as ``log p``, up to a constant that
cancels. Source: Hinton et al. 2015, arXiv 1503.02531.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workbench.engine.labels import adds_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHARE = 0.7
TEMPERATURE = 3.0
_SMALLEST = 1e-7


def plain_loss(loss: Callable[..., Any], y: tf.Tensor, outputs: Any) -> tf.Tensor:
    """The mean of a Keras loss over a batch, scalar, float32.

    Args:
        loss: A Keras loss object, or a function that gives a number per sample.
        y: Labels.
        outputs: What the model said.
    """
    return tf.reduce_mean(tf.cast(loss(y, outputs), tf.float32))


def teacher_loss(
    taught: tf.Tensor, outputs: tf.Tensor, *, from_logits: bool
) -> tf.Tensor:
    """``T^2`` times the cross entropy of softened outputs, mean over a batch.

    Its gradient is that of the divergence, which differs by a constant.

    Args:
        taught: Softened probabilities of the original, classes last.
        outputs: Logits or probabilities of the model under training.
        from_logits: Which of the two.
    """
    logits = tf.cast(outputs, tf.float32)
    if not from_logits:
        logits = tf.math.log(tf.maximum(logits, _SMALLEST))
    log_p = tf.nn.log_softmax(logits / TEMPERATURE)
    return -(TEMPERATURE**2) * tf.reduce_mean(tf.reduce_sum(taught * log_p, axis=-1))


def softened(outputs: NDArray[Any], *, from_logits: bool) -> NDArray[np.float32]:
    """Probabilities at the temperature from logits or probabilities, classes last."""
    logits = np.asarray(outputs, np.float32)
    if not from_logits:
        logits = np.log(np.maximum(logits, np.float32(_SMALLEST)))
    logits = logits / np.float32(TEMPERATURE)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def are_probabilities(outputs: NDArray[Any]) -> bool:
    """Whether every last axis holds a distribution over at least two classes."""
    return outputs.shape[-1] > 1 and bool((outputs >= 0).all()) and adds_up(outputs)
