"""BatchNorm while a model is retrained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from workbench.engine.layers import layers

if TYPE_CHECKING:
    from typing import Any


def freeze_statistics(model: keras.Model) -> bool:
    """Normalize by the moving statistics from now on, in training too.

    Args:
        model: Changed in place; it must be traced anew.

    Returns:
        Whether there is anything to freeze.
    """
    norms = [
        layer
        for layer in layers(model).values()
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    for norm in norms:
        norm.call = _in_inference(norm.call)
    return bool(norms)


def _in_inference(call: Any) -> Any:
    def frozen(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:  # noqa: ARG001
        return call(inputs, training=False, mask=mask)

    return frozen
