"""A model's outputs, batch by batch, without its training behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from workbench.engine.forward import traced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray


class Predictor:
    """A compiled forward pass; it follows the model's variables.

    Args:
        model: Called with a list of inputs and ``training=False``.
        x: Inputs of the type to come, samples first.
    """

    def __init__(self, model: Callable[..., Any], x: tuple[NDArray[Any], ...]) -> None:
        """Compile it."""

        def said(*inputs: tf.Tensor) -> Any:
            return model(list(inputs), training=False)

        self._said = traced(said, x)

    def batches(
        self, x: tuple[NDArray[Any], ...], order: NDArray[np.int64], size: int
    ) -> Iterator[Any]:
        """The outputs for one batch of samples after another.

        Args:
            x: Inputs, samples first.
            order: Which samples.
            size: Samples at a time; the last batch may be smaller.

        Yields:
            An array, samples first, or a list of them where the model has several
            outputs.
        """
        for first in range(0, len(order), size):
            now = order[first : first + size]
            said = self._said(*(tf.convert_to_tensor(part[now]) for part in x))
            yield tf.nest.map_structure(lambda part: part.numpy(), said)
