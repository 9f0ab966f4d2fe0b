"""What comes after the outputs of each layer: BatchNorm, an activation, or neither."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from workbench.core.aims import LINEAR, RELU, SIGMOID, SOFTMAX, After
from workbench.engine.graph import Call, Graph, flatten
from workbench.engine.layers import layers, values_of
from workbench.engine.outputs import activation_of

_L = keras.layers
_FOLLOWED = (
    *(_L.Dense, _L.EinsumDense, _L.Conv1D, _L.Conv2D),
    *(_L.DepthwiseConv1D, _L.DepthwiseConv2D, _L.SeparableConv1D, _L.SeparableConv2D),
)
_KINDS = {"relu": RELU, "relu6": RELU, "softmax": SOFTMAX, "sigmoid": SIGMOID}
_ENDS = (SOFTMAX, SIGMOID)
# What these make is what the layer makes, but for bias and activation.
LAST_KERNELS = ("kernel", "pointwise_kernel")


def following(model: keras.Model) -> dict[str, After]:
    """What comes after each layer, by its address; what is not said is linear.

    A softmax or sigmoid counts where it makes what the model gives.

    Args:
        model: A built model.
    """
    graph = flatten(model)
    if graph is None:
        return {
            path: After(RELU)
            for path, layer in layers(model).items()
            if isinstance(layer, _FOLLOWED) and activation_of(layer) == "relu"
        }
    walk = _Walk(graph)
    found = {
        call.path: walk.after(call)
        for call in graph.calls
        if isinstance(call.operation, _FOLLOWED)
    }
    return {path: after for path, after in found.items() if after.kind != LINEAR}


def norm_behind(model: keras.Model) -> dict[str, str]:
    """The BatchNorm that alone takes what a layer without activation makes.

    Args:
        model: A built model.

    Returns:
        Its address by that of the layer.
    """
    graph = flatten(model)
    if graph is None:
        return {}
    walk = _Walk(graph)
    norms = {
        call.path: walk.norm(call)
        for call in graph.calls
        if isinstance(call.operation, _FOLLOWED)
    }
    return {path: norm.path for path, norm in norms.items() if norm is not None}


class _Walk:
    """The way from a layer to what comes after it."""

    def __init__(self, graph: Graph) -> None:
        self._takers: dict[int, list[Call]] = {}
        for call in graph.calls:
            for tensor in call.inputs:
                self._takers.setdefault(tensor, []).append(call)
        self._outputs = set(graph.outputs)
        self._paths = [call.path for call in graph.calls]

    def after(self, call: Call) -> After:
        own = activation_of(call.operation)
        if own != "linear":
            return self._ending(call, _KINDS.get(own, LINEAR), None)
        if not self._is_once(call):
            return After()
        norm = self.norm(call)
        last = self._next(call if norm is None else norm)
        is_activation = last is not None and isinstance(
            last.operation, (_L.ReLU, _L.Activation, _L.Softmax)
        )
        if last is None or not is_activation:
            return After()
        kind = _KINDS.get(activation_of(last.operation), LINEAR)
        return self._ending(last, kind, None if norm is None else norm.operation)

    def norm(self, call: Call) -> Call | None:
        """The BatchNorm right behind a call; None where none is."""
        if activation_of(call.operation) != "linear" or not self._is_once(call):
            return None
        found = self._next(call)
        if found is None or not isinstance(found.operation, _L.BatchNormalization):
            return None
        rank = len(found.specs[0].shape)
        is_last = int(np.ravel(found.operation.axis)[0]) in (-1, rank - 1)
        is_flat = not isinstance(call.operation, _L.EinsumDense)
        return found if is_last and is_flat and self._is_once(found) else None

    def _ending(self, last: Call, kind: str, norm: Any) -> After:
        if kind in _ENDS and (norm is not None or not self._is_end(last)):
            return After()
        if norm is None:
            return After(kind)
        mean, variance = values_of(norm.moving_mean), values_of(norm.moving_variance)
        scale = 1 / np.sqrt(variance + norm.epsilon)
        if norm.scale:
            scale = scale * values_of(norm.gamma)
        offset = -scale * mean
        if norm.center:
            offset = offset + values_of(norm.beta)
        return After(kind, scale.astype(np.float32), offset.astype(np.float32))

    def _next(self, call: Call) -> Call | None:
        """What alone takes all that a call makes."""
        if len(call.outputs) != 1 or call.outputs[0] in self._outputs:
            return None
        takers = self._takers.get(call.outputs[0], [])
        return takers[0] if len(takers) == 1 else None

    def _is_once(self, call: Call) -> bool:
        return self._paths.count(call.path) == 1

    def _is_end(self, call: Call) -> bool:
        return bool(self._outputs.intersection(call.outputs))
