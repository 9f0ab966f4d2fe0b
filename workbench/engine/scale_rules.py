"""Which channels can be scaled without changing what a model computes.

A channel's scale is free where what makes it can be multiplied and all that takes it
divided: behind a kernel, up to a function with ``f(s x) = s f(x)`` for ``s > 0`` (none,
ReLU, leaky ReLU, pooling, padding with zeros). A BatchNorm ends it: its statistics take
up any scale of its inputs, and its gamma and beta begin another one. What is not known
how to follow, and the model's ends, have a scale of one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np

from workbench.engine.channel_labels import INPUT, OUTPUT, Labels
from workbench.engine.graph import flatten
from workbench.engine.layers import variables
from workbench.engine.outputs import activation_of
from workbench.engine.rules import PASSING, flattened, is_usual, rule_for
from workbench.engine.sites import (
    CONVOLUTIONS,
    DEPTHWISE,
    RECURRENT,
    SEPARABLE,
    TRANSPOSED,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from workbench.engine.graph import Call

    Channels = NDArray[np.intp]
    Rule = Callable[[Any, list[Channels], "Scales"], Channels]

Role = Literal["makes", "takes", "spreads"]

_L = keras.layers
_LIKE_SUMS = (_L.Add, _L.Subtract, _L.Average, _L.Maximum, _L.Minimum)
_HOMOGENEOUS = frozenset({"linear", "relu", "leaky_relu"})
_OPERATIONS = frozenset({"Relu", "LeakyRelu", "Negative", "Absolute", "StopGradient"})
_TIED_OPERATIONS = frozenset({"Add", "Subtract", "Maximum", "Minimum"})


class Scales:
    """The scale of each channel along the axes of variables, as labels.

    Attributes:
        labels: The forest of what was tied; below `FIRST_FREE` the scale is one.
        marks: Labels of the entries along a variable's axis, and whether the variable
            is multiplied with the scale (``makes``), divided by it (``takes``) or is a
            variance that follows it (``spreads``).
    """

    def __init__(self, paths: dict[int, str]) -> None:
        """Nothing is labelled yet."""
        self.labels = Labels(paths)
        self.marks: dict[tuple[str, int, Role], Channels] = {}
        self._paths = paths

    @classmethod
    def of(cls, model: keras.Model) -> Scales | None:
        """Those of a model; None where it has no graph."""
        graph = flatten(model)
        if graph is None:
            return None
        scales = cls({id(v): path for path, v in variables(model).items()})
        labels = scales.labels
        known: dict[int, Channels] = {}
        for tensor, given in zip(graph.inputs, model.inputs, strict=True):
            known[tensor] = labels.held(given.shape, INPUT)
        for call in graph.calls:
            made = _outputs_of(call, [known[t] for t in call.inputs], scales)
            known.update(zip(call.outputs, made, strict=True))
        for tensor in graph.outputs:
            labels.hold(known[tensor], OUTPUT)
        return scales

    def mark(
        self,
        variable: keras.Variable | None,
        axis: int,
        channels: Channels,
        role: Role = "makes",
    ) -> Channels:
        """Label an axis; what is labelled already is tied to it.

        Args:
            variable: None marks nothing.
            axis: From the end where negative.
            channels: One label for each entry.
            role: What becomes of the variable.
        """
        if variable is not None:
            key = (self._paths[id(variable)], axis % len(variable.shape), role)
            known = self.marks.setdefault(key, channels)
            if known is not channels:
                self.labels.tie(known, channels)
        return channels

    def made(self, variable: keras.Variable, axis: int) -> Channels:
        """The labels of what a variable makes; the same ones at each use of it."""
        key = (self._paths[id(variable)], axis % len(variable.shape), "makes")
        if key not in self.marks:
            self.marks[key] = self.labels.new(variable.shape[axis])
        return self.marks[key]


def _outputs_of(call: Call, inputs: list[Channels], scales: Scales) -> list[Channels]:
    operation = call.operation
    if isinstance(operation, RECURRENT) and len(inputs) == 1:
        # Its gates bound what it makes; what it takes may have any scale.
        scales.mark(operation.cell.kernel, 0, inputs[0], "takes")
        return [scales.labels.held(spec.shape) for spec in call.specs]
    rule = rule_for(operation, _RULES, _BY_NAME)
    if rule is not None and len(call.outputs) == 1 and is_usual(operation):
        made = rule(call, inputs, scales)
        if len(made) == len(scales.labels.held(call.specs[0].shape)):
            return [made]
        inputs = [*inputs, made]
    for channels in inputs:
        scales.labels.hold(channels)
    return [scales.labels.held(spec.shape) for spec in call.specs]


def _activated(operation: Any, channels: Channels, scales: Scales) -> Channels:
    if activation_of(operation) not in _HOMOGENEOUS:
        scales.labels.hold(channels)
    return channels


def _passed(_: Call, inputs: list[Channels], scales: Scales) -> Channels:
    for channels in inputs[1:]:
        scales.labels.hold(channels)
    return inputs[0]


def _activation(call: Call, inputs: list[Channels], scales: Scales) -> Channels:
    return _activated(call.operation, inputs[0], scales)


def _relu(call: Call, inputs: list[Channels], scales: Scales) -> Channels:
    layer: Any = call.operation
    if getattr(layer, "max_value", None) is not None or getattr(layer, "threshold", 0):
        scales.labels.hold(inputs[0])  # A bound is not scaled along.
    return inputs[0]


def _bent(_: Call, inputs: list[Channels], scales: Scales) -> Channels:
    scales.labels.hold(inputs[0])
    return inputs[0]


def _dense(call: Call, inputs: list[Channels], scales: Scales) -> Channels:
    layer: Any = call.operation
    scales.mark(layer.kernel, 0, inputs[0], "takes")
    made = scales.made(layer.kernel, 1)
    scales.mark(layer.bias, 0, made)
    return _activated(layer, made, scales)


def _convolution(call: Call, inputs: list[Channels], scales: Scales) -> Channels:
    layer: Any = call.operation
    made_axis, taken_axis = (-2, -1) if isinstance(layer, TRANSPOSED) else (-1, -2)
    made = scales.made(layer.kernel, made_axis)
    if getattr(layer, "groups", 1) == 1:
        scales.mark(layer.kernel, taken_axis, inputs[0], "takes")
    else:
        scales.labels.hold(inputs[0])
    scales.mark(layer.bias, 0, made)
    return _activated(layer, made, scales)


def _depthwise(call: Call, inputs: list[Channels], scales: Scales) -> Channels:
    layer: Any = call.operation
    scales.mark(layer.kernel, -2, inputs[0], "takes")
    made = _spread(layer, layer.kernel, scales)
    scales.mark(layer.bias, 0, made)
    return _activated(layer, made, scales)


def _spread(layer: Any, kernel: keras.Variable, scales: Scales) -> Channels:
    """What a depthwise kernel makes; of several outputs a channel the scale is one."""
    if layer.depth_multiplier == 1:
        return scales.made(kernel, -2)
    return scales.labels.held((None, kernel.shape[-2] * kernel.shape[-1]))


def _separable(call: Call, inputs: list[Channels], scales: Scales) -> Channels:
    layer: Any = call.operation
    scales.mark(layer.depthwise_kernel, -2, inputs[0], "takes")
    between = _spread(layer, layer.depthwise_kernel, scales)
    scales.mark(layer.pointwise_kernel, -2, between, "takes")
    made = scales.made(layer.pointwise_kernel, -1)
    scales.mark(layer.bias, 0, made)
    return _activated(layer, made, scales)


def _embedding(call: Call, _: list[Channels], scales: Scales) -> Channels:
    layer: Any = call.operation
    return scales.made(layer.embeddings, 1)


def _batch_norm(call: Call, inputs: list[Channels], scales: Scales) -> Channels:
    layer: Any = call.operation
    rank = len(call.specs[0].shape)
    if np.ravel(layer.axis).tolist() not in ([-1], [rank - 1]):
        scales.labels.hold(inputs[0])
        return inputs[0]
    scales.mark(layer.moving_mean, 0, inputs[0])
    scales.mark(layer.moving_variance, 0, inputs[0], "spreads")
    if layer.gamma is None:
        return scales.labels.held(call.specs[0].shape)
    return scales.mark(layer.beta, 0, scales.made(layer.gamma, 0))


def _rescaled(call: Call, inputs: list[Channels], scales: Scales) -> Channels:
    layer: Any = call.operation
    is_plain = np.size(layer.scale) == 1 and not np.any(layer.offset)
    return inputs[0] if is_plain else _bent(call, inputs, scales)


def _concatenated(call: Call, inputs: list[Channels], scales: Scales) -> Channels:
    operation: Any = call.operation
    if operation.axis in {-1, len(call.specs[0].shape) - 1}:
        return np.concatenate(inputs)
    return _tied(inputs, scales)


def _summed(call: Call, inputs: list[Channels], scales: Scales) -> Channels:
    if len(inputs) == 1 and not isinstance(call.operation, keras.Layer):
        scales.labels.hold(inputs[0])  # With a constant of the model's own.
        return inputs[0]
    width = max(map(len, inputs))
    if any(len(channels) < width for channels in inputs):
        for channels in inputs:
            scales.labels.hold(channels)  # One channel is spread over all others.
    return _tied([c for c in inputs if len(c) == width], scales)


def _tied(inputs: list[Channels], scales: Scales) -> Channels:
    first, *rest = inputs
    for channels in rest:
        scales.labels.tie(first, channels)
    return first


def _in_time(call: Call, inputs: list[Channels], scales: Scales) -> Channels:
    layer: Any = call.operation
    inner = layer.layer
    rule = (
        rule_for(inner, _RULES, _BY_NAME)
        if isinstance(inner, _IN_TIME) and is_usual(inner)
        else None
    )
    if rule is None:
        scales.labels.hold(inputs[0])
        return scales.labels.held(call.specs[0].shape)
    return rule(replace(call, operation=inner), inputs, scales)


_RULES: tuple[tuple[tuple[type, ...], Rule], ...] = (
    ((_L.Dense,), _dense),
    (SEPARABLE, _separable),
    (DEPTHWISE, _depthwise),
    ((*CONVOLUTIONS, *TRANSPOSED), _convolution),
    ((_L.Embedding,), _embedding),
    ((_L.BatchNormalization,), _batch_norm),
    ((_L.Activation,), _activation),
    ((_L.ReLU,), _relu),
    ((_L.ELU,), _bent),
    ((_L.PReLU, _L.LeakyReLU), _passed),
    ((_L.Flatten,), flattened),
    ((_L.Rescaling,), _rescaled),
    ((_L.Concatenate,), _concatenated),
    (_LIKE_SUMS, _summed),
    ((_L.TimeDistributed,), _in_time),
    (PASSING, _passed),
)
_IN_TIME = (_L.Dense, _L.Activation, _L.BatchNormalization, *CONVOLUTIONS, *DEPTHWISE)
_BY_NAME: dict[str, Rule] = {
    **dict.fromkeys(_OPERATIONS, _passed),
    **dict.fromkeys(_TIED_OPERATIONS, _summed),
    "Concatenate": _concatenated,
}
