"""How channels pass each kind of layer: the labels of what it makes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from workbench.engine.outputs import activation_of
from workbench.engine.recurrent_rules import both_ways, recurrent
from workbench.engine.rules import (
    ELEMENTWISE,
    PASSING,
    PASSING_OPERATIONS,
    flattened,
    is_usual,
    rule_for,
)
from workbench.engine.sites import (
    CONVOLUTIONS,
    DEPTHWISE,
    RECURRENT,
    SEPARABLE,
    TRANSPOSED,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from workbench.engine.channel_labels import Labels
    from workbench.engine.graph import Call

    Channels = NDArray[np.intp]
    Rule = Callable[[Any, list[Channels], Labels], Channels]

_L = keras.layers
_SUMS = (_L.Add, _L.Subtract, _L.Multiply, _L.Average, _L.Maximum, _L.Minimum)
_SUM_OPERATIONS = frozenset({"Add", "Subtract", "Multiply", "Maximum", "Minimum"})


def outputs_of(call: Call, inputs: list[Channels], labels: Labels) -> list[Channels]:
    """The labels of the channels that a call makes; those it mixes are held fast.

    Args:
        call: One use of a layer or operation.
        inputs: Labels of each tensor it takes.
        labels: Where the axes of its variables are labelled.
    """
    operation = call.operation
    if isinstance(operation, RECURRENT):
        return recurrent(call, inputs, labels) or _mixed(call, inputs, labels)
    rule = rule_for(operation, _RULES, _BY_NAME)
    if rule is not None and len(call.outputs) == 1 and is_usual(operation):
        made = rule(call, inputs, labels)
        if len(made) == len(labels.held(call.specs[0].shape)):
            return [made]
        inputs = [*inputs, made]
    return _mixed(call, inputs, labels)


def _mixed(call: Call, inputs: Sequence[Channels], labels: Labels) -> list[Channels]:
    for channels in inputs:
        labels.hold(channels)
    return [labels.held(spec.shape) for spec in call.specs]


def _activated(operation: Any, channels: Channels, labels: Labels) -> Channels:
    """Channels behind an activation, held fast where it mixes them."""
    if activation_of(operation) not in ELEMENTWISE:
        labels.hold(channels)
    return channels


def _passed(_: Call, inputs: list[Channels], labels: Labels) -> Channels:
    if len(inputs) > 1:
        for channels in inputs:
            labels.hold(channels)
    return inputs[0]


def _activation(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    return _activated(call.operation, inputs[0], labels)


def _dense(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    layer: Any = call.operation
    labels.mark(layer.kernel, 0, inputs[0], "takes")
    made = labels.made(layer.kernel, 1)
    labels.mark(layer.bias, 0, made, "follows")
    return _activated(layer, made, labels)


def _convolution(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    layer: Any = call.operation
    made_axis, taken_axis = (-2, -1) if isinstance(layer, TRANSPOSED) else (-1, -2)
    made = labels.made(layer.kernel, made_axis)
    if getattr(layer, "groups", 1) == 1:
        labels.mark(layer.kernel, taken_axis, inputs[0], "takes")
    else:
        labels.hold(inputs[0])
        labels.hold(made)
    labels.mark(layer.bias, 0, made, "follows")
    return _activated(layer, made, labels)


def _depthwise(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    layer: Any = call.operation
    labels.mark(layer.kernel, -2, inputs[0], "follows")
    made = np.repeat(inputs[0], layer.depth_multiplier)
    labels.mark(layer.bias, 0, made, "follows")
    return _activated(layer, made, labels)


def _separable(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    layer: Any = call.operation
    labels.mark(layer.depthwise_kernel, -2, inputs[0], "follows")
    between = np.repeat(inputs[0], layer.depth_multiplier)
    labels.mark(layer.pointwise_kernel, -2, between, "takes")
    made = labels.made(layer.pointwise_kernel, -1)
    labels.mark(layer.bias, 0, made, "follows")
    return _activated(layer, made, labels)


def _embedding(call: Call, _: list[Channels], labels: Labels) -> Channels:
    layer: Any = call.operation
    return labels.made(layer.embeddings, 1)


def _batch_norm(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    layer: Any = call.operation
    channels, rank = inputs[0], len(call.specs[0].shape)
    if np.ravel(layer.axis).tolist() not in ([-1], [rank - 1]):
        labels.hold(channels)
        return channels
    parts = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    for variable in parts:
        labels.mark(variable, 0, channels, "follows")
    return channels


def _prelu(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    layer: Any = call.operation
    if layer.alpha.shape[-1] == len(inputs[0]):
        labels.mark(layer.alpha, -1, inputs[0], "follows")
    return inputs[0]


def _reshaped(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    """Channels stay in turn along the last axis where it is a multiple of theirs.

    A smaller model is told that axis by -1, of which there may be one.
    """
    layer: Any = call.operation
    made = flattened(call, inputs, labels)
    is_whole = len(made) == call.specs[0].shape[-1]
    return inputs[0][:0] if -1 in layer.target_shape[:-1] or not is_whole else made


def _rescaled(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    layer: Any = call.operation
    if np.size(layer.scale) > 1 or np.size(layer.offset) > 1:
        labels.hold(inputs[0])
    return inputs[0]


def _concatenated(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    operation: Any = call.operation
    if operation.axis in {-1, len(call.specs[0].shape) - 1}:
        return np.concatenate(inputs)
    return _tied(inputs, labels)


def _summed(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    if len(inputs) == 1 and not isinstance(call.operation, keras.Layer):
        labels.hold(inputs[0])  # With a constant of the model's own.
        return inputs[0]
    width = max(map(len, inputs))
    for channels in inputs:
        if len(channels) < width:
            labels.hold(channels)  # Of one channel, spread over all others.
    return _tied([c for c in inputs if len(c) == width], labels)


def _tied(inputs: Sequence[Channels], labels: Labels) -> Channels:
    first, *rest = inputs
    for channels in rest:
        labels.tie(first, channels)
    return first


def _in_time(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    """A layer at each step; only such as keep the last axis the last."""
    layer: Any = call.operation
    inner = layer.layer
    rule = (
        rule_for(inner, _RULES, _BY_NAME)
        if isinstance(inner, _IN_TIME) and is_usual(inner)
        else None
    )
    if rule is None:
        labels.hold(inputs[0])
        return labels.held(call.specs[0].shape)
    return rule(replace(call, operation=inner), inputs, labels)


_RULES: tuple[tuple[tuple[type, ...], Rule], ...] = (
    ((_L.Dense,), _dense),
    (SEPARABLE, _separable),
    (DEPTHWISE, _depthwise),
    ((*CONVOLUTIONS, *TRANSPOSED), _convolution),
    ((_L.Embedding,), _embedding),
    ((_L.BatchNormalization,), _batch_norm),
    ((_L.Activation,), _activation),
    ((_L.PReLU,), _prelu),
    ((_L.Flatten,), flattened),
    ((_L.Reshape,), _reshaped),
    ((_L.Rescaling,), _rescaled),
    ((_L.Concatenate,), _concatenated),
    (_SUMS, _summed),
    ((_L.TimeDistributed,), _in_time),
    ((_L.Bidirectional,), both_ways),
    (PASSING, _passed),
)
_IN_TIME = (
    *(_L.Dense, _L.Activation, _L.BatchNormalization, *CONVOLUTIONS, *DEPTHWISE),
    *PASSING,
)
_BY_NAME: dict[str, Rule] = {
    **dict.fromkeys(PASSING_OPERATIONS, _passed),
    **dict.fromkeys(_SUM_OPERATIONS, _summed),
    "Concatenate": _concatenated,
}
