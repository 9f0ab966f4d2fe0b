"""How channels pass recurrent layers: a unit is its state and a column of each gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.engine.rules import ELEMENTWISE
from workbench.engine.sites import RECURRENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.engine.channel_labels import Labels
    from workbench.engine.graph import Call

    Channels = NDArray[np.intp]


def recurrent(
    call: Call, inputs: list[Channels], labels: Labels
) -> list[Channels] | None:
    """The labels of what one layer makes; None where its units are not followed."""
    layer: Any = call.operation
    if not _is_followed(layer):
        return None
    units = _units(layer, inputs[0], labels)
    for state in inputs[1:]:
        if len(state) == len(units):
            labels.tie(units, state)
        else:  # a mask of steps
            labels.hold(state)
    return [units for _ in call.outputs]


def both_ways(call: Call, inputs: list[Channels], labels: Labels) -> Channels:
    """Two recurrent layers, whose units go in pairs: they are made of one setting."""
    layer: Any = call.operation
    ways = (layer.forward_layer, layer.backward_layer)
    if len(inputs) > 1 or not all(map(_is_followed, ways)):
        for channels in inputs:
            labels.hold(channels)
        return labels.held(call.specs[0].shape)
    one, two = (_units(way, inputs[0], labels) for way in ways)
    labels.tie(one, two)
    return np.concatenate([one, two]) if layer.merge_mode == "concat" else one


def _is_followed(layer: Any) -> bool:
    return isinstance(layer, RECURRENT) and not layer.stateful


def _units(layer: Any, channels: Channels, labels: Labels) -> Channels:
    """A unit of a recurrent layer: its state, and its column in every gate."""
    cell = layer.cell
    units = labels.made(cell.recurrent_kernel, 0, "takes")
    labels.mark(cell.kernel, 0, channels, "takes")
    gates = np.tile(units, cell.kernel.shape[1] // len(units))
    for kernel in (cell.kernel, cell.recurrent_kernel):
        labels.mark(kernel, 1, gates, "makes")
    labels.mark(cell.bias, -1, gates, "follows")
    functions = (cell.activation, getattr(cell, "recurrent_activation", None))
    for function in functions:
        if getattr(function, "__name__", "linear") not in ELEMENTWISE:
            labels.hold(units)
    return units
