"""A model's outputs, batch by batch, without its training behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras
    from numpy.typing import NDArray


def predictions(
    model: keras.Model, x: tuple[NDArray[Any], ...], batch: int
) -> Iterator[Any]:
    """The outputs of a model for one batch of samples after another.

    Args:
        model: Not changed.
        x: Inputs, samples first.
        batch: Samples at a time; the last batch may be smaller.

    Yields:
        An array, samples first, or a list of them where the model has several outputs.
    """
    spec = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in x]

    @tf.function(input_signature=[spec], autograph=False)
    def say(inputs: list[tf.Tensor]) -> Any:
        return model(inputs if len(x) > 1 else inputs[0], training=False)

    for start in range(0, len(x[0]), batch):
        said = say([part[start : start + batch] for part in x])
        yield tf.nest.map_structure(lambda part: part.numpy(), said)
