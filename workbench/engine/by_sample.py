"""Whether the rows of a tensor are samples: tried out, in batches of several sizes.

The tensors of a large model do not fit into memory together, so that each is told by a
few numbers a row as it passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workbench.engine.piece import is_close

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.engine.piece import Piece

_TRIED = (1, 2)


def sample_bytes(
    piece: Piece, made: Sequence[tf.Tensor], samples: Sequence[tf.Tensor]
) -> dict[str, int]:
    """Bytes a sample of those tensors that hold for it the same in any batch.

    Args:
        piece: What makes the tensors of samples, each as `by_row` tells it.
        made: The tensors.
        samples: A few real samples, one array an input.

    Returns:
        By name; tensors whose rows are no samples are left out.
    """
    middle, end = _TRIED[0], sum(_TRIED)
    parts = slice(end), slice(middle), slice(middle, end)
    whole, *apart = (piece([array[part] for array in samples]) for part in parts)
    return {
        tensor.name: int(together[0, 0].numpy()) * tensor.dtype.size
        for tensor, together, *rows in zip(made, whole, *apart, strict=True)
        if _are_samples(together, rows)
    }


def by_row(tensor: tf.Tensor) -> tf.Tensor:
    """How long each row is, and what tells it from others: float64, (rows, 5)."""
    return tf.numpy_function(_told, [tensor], tf.float64)


def _told(values: NDArray[Any]) -> NDArray[np.float64]:
    count = len(values)
    if not values.size:
        return np.zeros((count, 5))
    parts = values.view(np.real(values).dtype) if np.iscomplexobj(values) else values
    rows = parts.reshape(count, -1)
    waves = np.cos(np.arange(rows.shape[1]))
    told = np.empty((count, 5))
    for line, narrow in zip(told, rows, strict=True):
        row = narrow.astype(np.float64)
        spread = np.sqrt(row @ row / row.size)
        line[:] = values.size / count, row.mean(), spread, row.max(), row @ waves
    return told


def _are_samples(whole: tf.Tensor, parts: Sequence[tf.Tensor]) -> bool:
    if [part.shape[0] for part in parts] != list(_TRIED):
        return False
    apart = tf.unstack(tf.concat(parts, 0), axis=1)
    return all(map(is_close, apart, tf.unstack(whole, axis=1)))
