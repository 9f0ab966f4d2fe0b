"""A kernel under retraining whose weights share the values of a codebook.

Each step puts every float weight at the nearest entry, so that weights may change
their cluster. The gradient there is applied to the float weights, straight through, and
to an entry that of all its weights: with ``W'[i] = c[k(i)]``

    dL/dw[i] = dL/dW'[i]      dL/dc[k] = sum of dL/dW'[i] over k(i) = k

Pruned weights are zero beside the codebook and have no part. Source: Han et al. 2016,
arXiv 1510.00149.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from workbench.core.codebooks import coded
from workbench.core.codes import Codebook
from workbench.engine.quantized_weights import QuantizedWeights

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras
    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor


class Clusters(NamedTuple):
    """The cluster of each weight (tables, weights), and what sorts each table."""

    places: tf.Tensor
    order: tf.Tensor


class ClusteredWeights(QuantizedWeights):
    """One kernel under training on codebooks.

    Args:
        variable: The model's variable.
        weights: Float weights to start from; the mask is applied to them.
        tensor: Mask and codebook to start from.
    """

    def __init__(
        self,
        variable: keras.Variable,
        weights: NDArray[np.float32],
        tensor: CompressedTensor,
    ) -> None:
        """Start from the weights at the entries of the tensor's codebook."""
        super().__init__(variable, weights, tensor)
        assert isinstance(tensor.code, Codebook)
        self._shape = tensor.code.centroids.shape
        self._axes = table_axes(tensor.code)
        self._entries = self._shape[-1]
        rows = tensor.code.centroids.reshape(-1, self._entries)
        self._tables = tf.Variable(tf.constant(rows), trainable=False)
        self.trained = (*self.trained, self._tables)

    def project(self) -> Any:
        """Put the shared values into the model; inside a graph.

        Returns:
            What `gradients` needs of it.
        """
        order = tf.argsort(self._tables, axis=1)
        tables = tf.gather(self._tables, order, batch_dims=1)
        middles = (tables[:, 1:] + tables[:, :-1]) / 2
        places = tf.searchsorted(middles, self._rows(self._shadow))
        values = self._tensor_of(tf.gather(tables, places, batch_dims=1))
        self.variable.assign(tf.cast(self._masked(values), self.variable.dtype))
        return Clusters(places, order)

    def gradients(
        self, gradient: tf.Tensor | None, projection: Any
    ) -> Sequence[tf.Tensor | None]:
        """Gradients for `trained` from the one at the model's variable; in a graph."""
        if gradient is None:
            return (None, None)
        slope = self._masked(tf.cast(gradient, tf.float32))
        count = self._tables.shape[0]
        first = tf.range(count)[:, None] * self._entries
        sums = tf.math.unsorted_segment_sum(
            self._rows(slope), projection.places + first, count * self._entries
        )
        sums = tf.reshape(sums, (count, self._entries))
        back = tf.argsort(projection.order, axis=1)
        return slope, tf.gather(sums, back, batch_dims=1)

    def tensor(self) -> CompressedTensor:
        """The tensor that the network holds now; its law holds exactly."""
        tables = np.sort(self._tables.numpy(), axis=1).reshape(self._shape)
        return self._tensor.coded(coded(self.weights(), tables, tuple(self._axes)))

    def _masked(self, values: Any) -> Any:
        return (
            values if self._mask is None else values * tf.cast(self._mask, tf.float32)
        )

    def _rows(self, values: Any) -> Any:
        """A kernel as rows that share a table."""
        order = [*self._axes, *self._others]
        return tf.reshape(tf.transpose(values, order), (self._tables.shape[0], -1))

    def _tensor_of(self, rows: Any) -> Any:
        """The kernel whose rows these are."""
        order = [*self._axes, *self._others]
        lengths = [self._tensor.dense.shape[axis] for axis in order]
        return tf.transpose(tf.reshape(rows, lengths), np.argsort(order))

    @property
    def _others(self) -> list[int]:
        return [a for a in range(self._tensor.dense.ndim) if a not in self._axes]


def table_axes(code: Codebook) -> list[int]:
    """The axes of a kernel along which the tables differ."""
    return [axis for axis, count in enumerate(code.centroids.shape[:-1]) if count > 1]
