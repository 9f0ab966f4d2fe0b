"""BatchNorm statistics for a compressed model, beside the original on the same samples.

What a compressed layer makes has another mean and variance than what the BatchNorm
behind it was trained on. With m and v those of its inputs under the original and m', v'
under the compressed model, over the same training samples, the statistics become

    variance' + e = (variance + e) (v' + e) / (v + e)
    mean' = m' - (m - mean) sqrt((v' + e) / (v + e))

so that it gives what it gave on average, and spread as it was. Where nothing has
changed, nothing changes, whatever samples are drawn: plain re-estimation would move
even the original's statistics. While samples run, each batch is matched in this way, so
that what lies behind sees what it will see.

Source of the idea: re-estimation of the statistics in Li et al. 2020, arXiv 2007.02491,
and Nagel et al. 2019, arXiv 1906.04721.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from workbench.engine.layers import layers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Told = tuple[tf.Tensor, tf.Tensor, tf.Tensor]

# Of the deviation: less is the rounding of a sum.
_ROUNDING = 1e-5


class MatchedNorms:
    """The BatchNorm layers of two copies of a model, that run one after the other.

    Those of the second are held to what those of the first see, batch by batch.

    Args:
        before: A copy with the original's values; its layers' calls are wrapped.
        after: A copy that takes others.

    Attributes:
        order: Addresses of those that can be told of, once a graph was traced.
    """

    def __init__(self, before: keras.Model, after: keras.Model) -> None:
        """Wrap the calls of the layers."""
        self.order: tuple[str, ...] = ()
        self._graph: Any = None
        self._given: dict[str, list[Told]] = {}
        self._sums: dict[str, list[tuple[tf.Tensor, ...]]] = {}
        self._norms: dict[str, Any] = {}
        first, second = layers(before), layers(after)
        for address, norm in first.items():
            is_norm = isinstance(norm, keras.layers.BatchNormalization)
            if is_norm and np.size(norm.axis) == 1:
                self._norms[address] = norm
                # Not the second's own: its statistics may have been moved.
                second[address].call = self._matching(address, norm)
                norm.call = self._telling(address, norm)

    def begin(self) -> None:
        """Forget what was told; within the graph that is traced next."""
        self._graph = tf.compat.v1.get_default_graph()
        self._given.clear()
        self._sums.clear()

    def sums(self) -> dict[str, tuple[tf.Tensor, ...]]:
        """By address ``sum z``, ``sum z^2``, ``sum x``, ``sum x^2`` and their number.

        z is what a layer sees of the first copy, x of the second.
        """
        self.order = tuple(self._sums)
        return {
            address: tuple(tf.add_n(parts) for parts in zip(*calls, strict=True))
            for address, calls in self._sums.items()
        }

    def statistics(
        self, address: str, sums: Sequence[NDArray[np.float64]]
    ) -> Mapping[str, NDArray[np.float32]]:
        """Moving mean and variance by path; none where they may stay.

        Args:
            address: The layer's.
            sums: Of all samples.
        """
        norm = self._norms[address]
        mean, variance = (
            np.asarray(part, np.float64)
            for part in (norm.moving_mean, norm.moving_variance)
        )
        m, square, m_now, square_now = (part / sums[-1] for part in sums[:-1])
        v, v_now = square - m**2, square_now - m_now**2
        deviation = np.sqrt(np.maximum(v, 0) + norm.epsilon)
        is_same = np.abs(m_now - m) <= _ROUNDING * (deviation + np.abs(m))
        is_same &= np.abs(v_now - v) <= _ROUNDING * (deviation**2 + m**2)
        ratio = (np.maximum(v_now, 0) + norm.epsilon) / deviation**2
        if is_same.all() or not np.isfinite([ratio, m, m_now]).all():
            return {}
        fresh = np.maximum((variance + norm.epsilon) * ratio - norm.epsilon, 0)
        return {
            f"{address}/{norm.moving_mean.name}": np.where(
                is_same, mean, m_now - (m - mean) * np.sqrt(ratio)
            ).astype(np.float32),
            f"{address}/{norm.moving_variance.name}": np.where(
                is_same, variance, fresh
            ).astype(np.float32),
        }

    def _telling(self, address: str, norm: Any) -> Callable[..., Any]:
        plain = norm.call

        def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            # Within a loop of its own a tensor cannot be reached from outside.
            if inputs.graph is self._graph:
                told = _moments(norm, inputs, mask)
                self._given.setdefault(address, []).append(told)
            return plain(inputs, training=training, mask=mask)

        return call

    def _matching(self, address: str, norm: Any) -> Callable[..., Any]:
        plain = norm.call

        def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            known = self._given.get(address)
            if inputs.graph is self._graph and known:
                given, now = known.pop(0), _moments(norm, inputs, mask)
                sums = [
                    tf.reshape(part, norm.moving_mean.shape)
                    for mean, variance, count in (given, now)
                    for part in (count * mean, count * (variance + mean**2))
                ]
                self._sums.setdefault(address, []).append((*sums, now[-1]))
                inputs = tf.cast(_matched(norm, inputs, given, now), inputs.dtype)
            return plain(inputs, training=training, mask=mask)

        return call


def _matched(norm: Any, x: Any, given: Told, now: Told) -> tf.Tensor:
    """Inputs moved to the mean and variance that the original gives."""
    ratio = (now[1] + norm.epsilon) / (given[1] + norm.epsilon)
    return given[0] + (tf.cast(x, tf.float32) - now[0]) * tf.math.rsqrt(ratio)


def _moments(norm: Any, x: Any, mask: Any) -> Told:
    """Mean and variance of each channel, and of how many numbers."""
    x = tf.cast(x, tf.float32)
    rank = len(x.shape)
    kept = int(np.ravel(norm.axis)[0]) % rank
    axes = [axis for axis in range(rank) if axis != kept]
    if mask is None:
        mean, variance = tf.nn.moments(x, axes, keepdims=True)
        return mean, variance, tf.cast(tf.size(x) / x.shape[kept], tf.float32)
    weights = tf.cast(mask, tf.float32)
    for _ in range(rank - len(mask.shape)):
        weights = weights[..., None]
    mean, variance = tf.nn.weighted_moments(x, axes, weights, keepdims=True)
    return mean, variance, tf.reduce_sum(weights)
