"""What rules that follow channels through the graph share.

What treats each channel by itself, and which rule of a table an operation has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import keras
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.engine.graph import Call

    Channels = NDArray[np.intp]

Rule = TypeVar("Rule")

_L = keras.layers
_POOLING = (
    *(_L.MaxPooling1D, _L.MaxPooling2D, _L.MaxPooling3D),
    *(_L.AveragePooling1D, _L.AveragePooling2D, _L.AveragePooling3D),
    *(_L.GlobalMaxPooling1D, _L.GlobalMaxPooling2D, _L.GlobalMaxPooling3D),
    *(_L.GlobalAveragePooling1D, _L.GlobalAveragePooling2D),
    _L.GlobalAveragePooling3D,
)
# Layers that treat each channel by itself and have no size of their own.
PASSING = (
    *(_L.ActivityRegularization, _L.AlphaDropout, _L.Dropout, _L.GaussianDropout),
    *(_L.GaussianNoise, _L.Identity, _L.RepeatVector),
    *(_L.SpatialDropout1D, _L.SpatialDropout2D, _L.SpatialDropout3D),
    *(_L.ZeroPadding1D, _L.ZeroPadding2D, _L.ZeroPadding3D),
    *(_L.Cropping1D, _L.Cropping2D, _L.Cropping3D),
    *(_L.UpSampling1D, _L.UpSampling2D, _L.UpSampling3D),
    *(_L.ReLU, _L.LeakyReLU, _L.ELU),
    *_POOLING,
)
PASSING_OPERATIONS = frozenset(
    {"Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Sigmoid", "Tanh"}
    | {"HardSigmoid", "HardSilu", "Softplus", "Softsign", "Absolute", "Square"}
    | {"Negative", "StopGradient"}
)
# Functions of one number; others, such as a softmax, mix channels.
ELEMENTWISE = frozenset(
    {"linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu"}
    | {"swish", "sigmoid", "hard_sigmoid", "hard_silu", "hard_swish", "log_sigmoid"}
    | {"tanh", "hard_tanh", "tanh_shrink", "softplus", "softsign", "exponential"}
    | {"mish", "squareplus", "sparse_plus", "hard_shrink", "soft_shrink"}
)


def rule_for(
    operation: Any,
    layers: Sequence[tuple[tuple[type, ...], Rule]],
    operations: Mapping[str, Rule],
) -> Rule | None:
    """The rule of a layer by its kind, of another operation by its name.

    Args:
        operation: A layer or an operation of Keras.
        layers: Kinds of layers with their rule; the first that fits holds.
        operations: Rules of operations by the name of their class.
    """
    if isinstance(operation, keras.Layer):
        return next(
            (rule for kinds, rule in layers if isinstance(operation, kinds)), None
        )
    return operations.get(type(operation).__name__)


def is_usual(layer: Any) -> bool:
    """Whether channels are a layer's last axis and its kernel is as it was made."""
    is_last = getattr(layer, "data_format", None) in {None, "channels_last"}
    is_plain = getattr(layer, "quantization_mode", None) is None
    return is_last and is_plain and not getattr(layer, "lora_enabled", False)


def flattened(call: Call, inputs: list[Channels], _: object) -> Channels:
    """Channels in turn along the last axis, as flattening leaves them; a rule."""
    width = call.specs[0].shape[-1]
    if not width:
        return inputs[0][:0]  # Of no known width.
    return np.tile(inputs[0], width // max(len(inputs[0]), 1))
