"""Where activations are quantized: after each fused pattern, as LiteRT does it.

A convolution or dense layer, the BatchNorm behind it and a ReLU behind that run as one
operation, and only its end is rounded. Any other operation that computes something is
rounded at its own output, with a ReLU behind it fused. Whatever only moves values
around (reshaping, dropout, padding, max pooling) keeps the grid of its input and has no
place of its own.

An activation that LiteRT does not fuse, such as a softmax, is an operation of its own
even where it is written as a layer's argument: what enters it is rounded as well, at
the place ``LAYER/preactivation``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import keras

from workbench.core.activations import OutputSite
from workbench.engine.graph import Call, Graph, flatten
from workbench.engine.layers import layers, owned
from workbench.engine.sites import (
    CONVOLUTIONS,
    DEPTHWISE,
    SEPARABLE,
    TRANSPOSED,
    is_kernel,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_L = keras.layers
_PASSING_LAYERS = (
    _L.ActivityRegularization,
    _L.AlphaDropout,
    _L.Dropout,
    _L.Flatten,
    _L.GaussianDropout,
    _L.GaussianNoise,
    _L.Identity,
    _L.Masking,
    _L.Permute,
    _L.RepeatVector,
    _L.Reshape,
    *(_L.Cropping1D, _L.Cropping2D, _L.Cropping3D),
    *(_L.GlobalMaxPooling1D, _L.GlobalMaxPooling2D, _L.GlobalMaxPooling3D),
    *(_L.MaxPooling1D, _L.MaxPooling2D, _L.MaxPooling3D),
    *(_L.SpatialDropout1D, _L.SpatialDropout2D, _L.SpatialDropout3D),
    *(_L.ZeroPadding1D, _L.ZeroPadding2D, _L.ZeroPadding3D),
)
_LOOKING_UP = (_L.CategoryEncoding, _L.Embedding, _L.Hashing, _L.IntegerLookup)
# Operations that are no layers have no public class.
_PASSING_OPERATIONS = frozenset(
    {"ExpandDims", "Flip", "GetItem", "MaxPool", "Moveaxis", "Reshape", "Split"}
    | {"Squeeze", "StopGradient", "Swapaxes", "Transpose"}
)
_FOLDING = (*CONVOLUTIONS, *TRANSPOSED, *DEPTHWISE, *SEPARABLE, _L.Dense)
_FUSED = frozenset({"relu", "relu6"})
_RELU6 = 6.0


@dataclass(frozen=True)
class Place:
    """An output site, and what to wrap to reach it.

    Attributes:
        site: The site.
        operation: Address of the layer or operation, as in `graph.operations`; empty
            for an input of the model.
        at: ``input`` of the model, ``output`` of the operation, or what enters its
            ``activation``, a callable attribute of the layer.
        index: Which of the model's inputs.
    """

    site: OutputSite
    operation: str = ""
    at: Literal["input", "output", "activation"] = "output"
    index: int = 0


def places(model: keras.Model) -> tuple[Place, ...]:
    """All places of a model in the order in which they are reached, each path once.

    A layer that is called several times has one place for all its calls. A subclassed
    model has no graph to read: there each layer that owns a kernel has its place, and
    inputs and outputs of the model are not told apart.
    """
    graph = flatten(model)
    found = _Owners(model).all() if graph is None else _in_graph(model, graph)
    first: dict[str, Place] = {}
    for place in found:
        path = place.site.path
        first[path] = _joined(first[path], place) if path in first else place
    return tuple(first.values())


def _joined(first: Place, again: Place) -> Place:
    """The place of a layer that is called once more."""
    kernels = dict.fromkeys((*first.site.kernels, *again.site.kernels))
    is_edge = first.site.is_edge or again.site.is_edge
    return replace(first, site=OutputSite(first.site.path, tuple(kernels), is_edge))


def output_activation(model: keras.Model) -> str | None:
    """Name of the activation that makes the model's first output; None if unknown."""
    graph = flatten(model)
    if graph is None:
        return None
    makers = {tensor: call for call in graph.calls for tensor in call.outputs}
    call = makers.get(graph.outputs[0])
    while call is not None and _is_passing(call) and call.inputs:
        call = makers.get(call.inputs[0])
    return "linear" if call is None else activation_of(call.operation)


def activation_of(operation: keras.Operation) -> str:
    """Name of the activation that an operation ends with, ``linear`` without one."""
    if isinstance(operation, _L.TimeDistributed):
        return activation_of(operation.layer)
    if isinstance(operation, _L.ReLU):
        is_plain = not operation.negative_slope and not operation.threshold
        names = {None: "relu", _RELU6: "relu6"}
        return names.get(operation.max_value, "other") if is_plain else "other"
    name = type(operation).__name__.lower()
    if name in {"softmax", "sigmoid", "relu", "relu6"}:
        return name
    if isinstance(operation, (_L.RNN, _L.Bidirectional)):
        return "other"
    function: Any = getattr(operation, "activation", None)
    if isinstance(function, keras.Operation):
        return activation_of(function)
    return getattr(function, "__name__", "linear" if function is None else "other")


def _in_graph(model: keras.Model, graph: Graph) -> Iterator[Place]:
    owners = _Owners(model)
    takers: dict[int, list[Call]] = {}
    for call in graph.calls:
        for tensor in call.inputs:
            takers.setdefault(tensor, []).append(call)
    yield from _at_inputs(model, graph, takers)
    ends = _ends(graph)
    absorbed: set[int] = set()
    for call in graph.calls:
        if id(call) in absorbed or _is_passing(call):
            continue
        behind = _pattern(call, takers, set(graph.outputs))
        absorbed.update(map(id, behind))
        last = behind[-1] if behind else call
        yield from owners.inside(call)
        is_edge = bool(ends & set(last.outputs))
        site = OutputSite(f"{last.path}/output", owners.below(call.path), is_edge)
        yield Place(site, last.path)


def _at_inputs(
    model: keras.Model, graph: Graph, takers: dict[int, list[Call]]
) -> Iterator[Place]:
    """The model's inputs of floats; numbers of rows cannot be rounded."""
    named = zip(graph.input_names, graph.inputs, model.inputs, strict=True)
    for index, (name, tensor, given) in enumerate(named):
        is_read = tensor in takers and "float" in str(given.dtype)
        if is_read and not _is_looked_up(tensor, takers):
            site = OutputSite(f"{name}/input", is_edge=True)
            yield Place(site, at="input", index=index)


def _is_looked_up(tensor: int, takers: dict[int, list[Call]]) -> bool:
    """Whether a tensor, moved around or not, names rows of a table."""
    for call in takers.get(tensor, ()):
        operation = call.operation
        parts = layers(operation).values() if isinstance(operation, _L.Layer) else ()
        if any(isinstance(part, _LOOKING_UP) for part in (operation, *parts)):
            return True
        moved = call.outputs if _is_passing(call) else ()
        if any(_is_looked_up(output, takers) for output in moved):
            return True
    return False


def _pattern(
    call: Call, takers: dict[int, list[Call]], outputs: set[int]
) -> list[Call]:
    """The calls fused behind a call: BatchNorm, then a ReLU."""
    behind: list[Call] = []
    last = call
    can_fold = isinstance(call.operation, _FOLDING)
    while len(last.outputs) == 1 and last.outputs[0] not in outputs:
        following = takers.get(last.outputs[0], [])
        is_linear = activation_of(last.operation) == "linear"
        if len(following) != 1 or not is_linear:
            break
        operation = following[0].operation
        is_folded = can_fold and isinstance(operation, _L.BatchNormalization)
        if not is_folded and not _is_relu(operation):
            break
        can_fold = False
        last = following[0]
        behind.append(last)
    return behind


def _is_relu(operation: keras.Operation) -> bool:
    is_alone = type(operation).__name__ in {"ReLU", "Activation", "Relu", "Relu6"}
    return is_alone and activation_of(operation) in _FUSED


def _is_passing(call: Call) -> bool:
    """Whether a call only moves values around, or makes no floats."""
    operation = call.operation
    if not any("float" in str(spec.dtype) for spec in call.specs):
        return True
    if isinstance(operation, _L.Activation):
        return activation_of(operation) == "linear"
    if isinstance(operation, (_L.UpSampling1D, _L.UpSampling2D, _L.UpSampling3D)):
        return getattr(operation, "interpolation", "nearest") == "nearest"
    if isinstance(operation, keras.Layer):
        return isinstance(operation, _PASSING_LAYERS)
    return type(operation).__name__ in _PASSING_OPERATIONS


def _ends(graph: Graph) -> set[int]:
    """The model's outputs, and what they are before values are moved around."""
    makers = {tensor: call for call in graph.calls for tensor in call.outputs}
    ends = set(graph.outputs)
    waiting = list(graph.outputs)
    while waiting:
        call = makers.get(waiting.pop())
        if call is not None and _is_passing(call):
            ends.update(call.inputs)
            waiting.extend(call.inputs)
    return ends


class _Owners:
    """The layers of a model that own kernels, by address."""

    def __init__(self, model: keras.Model) -> None:
        self._kernels = [
            path for path, layer, weight in owned(model) if is_kernel(layer, weight)
        ]
        self._layers = layers(model)

    def below(self, path: str) -> tuple[str, ...]:
        """Kernels of a layer and of its parts."""
        return tuple(k for k in self._kernels if k.startswith(f"{path}/"))

    def all(self) -> Iterator[Place]:
        """A place for every layer that owns a kernel."""
        for path in self._layers:
            yield from self._of(path)

    def inside(self, call: Call) -> Iterator[Place]:
        """Places within one layer: before its activation, and in parts of its own."""
        path = call.path
        yield from self._before(path)
        if isinstance(call.operation, (_L.RNN, _L.Bidirectional)):
            return
        for part in self._layers:
            if part.startswith(f"{path}/"):
                is_wrapped = isinstance(call.operation, _L.TimeDistributed)
                yield from self._before(part) if is_wrapped else self._of(part)

    def _of(self, path: str) -> Iterator[Place]:
        own = self._own(path)
        if own:
            yield from self._before(path)
            yield Place(OutputSite(f"{path}/output", own), path)

    def _before(self, path: str) -> Iterator[Place]:
        """The place before an activation that LiteRT does not fuse."""
        layer, own = self._layers.get(path), self._own(path)
        is_split = isinstance(layer, (*_FOLDING, _L.EinsumDense))
        if is_split and own and activation_of(layer) not in {"linear", *_FUSED}:
            yield Place(OutputSite(f"{path}/preactivation", own), path, "activation")

    def _own(self, path: str) -> tuple[str, ...]:
        return tuple(k for k in self._kernels if k.rpartition("/")[0] == path)
