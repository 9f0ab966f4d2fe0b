"""The graph of a functional or sequential model, nested models dissolved.

Tensors are numbers; a call is one use of a layer or operation. A layer that is called
twice has two calls under one address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from workbench.engine.layers import is_graph, layers


@dataclass(frozen=True, eq=False)
class Call:
    """One use of an operation.

    Attributes:
        path: Address of the layer, as in `layers.layers`; of an operation that is no
            layer, the names of the models around it and its own.
        operation: The layer or operation.
        inputs: Tensors it takes.
        outputs: Tensors it makes.
        specs: Shape (the samples' axis first) and type of each output.
    """

    path: str
    operation: keras.Operation
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    specs: tuple[keras.KerasTensor, ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """All calls of a model, each after those whose tensors it takes.

    Attributes:
        calls: In an order in which they can run.
        inputs: Tensors of the model's inputs, in its order.
        outputs: Tensors of its outputs.
        input_names: Name of each input.
    """

    calls: tuple[Call, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    input_names: tuple[str, ...]


def flatten(model: keras.Model) -> Graph | None:
    """The graph of a model; None where it has none because it was subclassed."""
    if not is_graph(model) or not model.built:
        return None
    flat = _Flattening(model)
    inputs = {id(tensor): flat.tensor() for tensor in model.inputs}
    outputs = flat.run(model, "", inputs)
    return Graph(
        tuple(flat.calls),
        tuple(inputs.values()),
        outputs,
        tuple(tensor.name for tensor in model.inputs),
    )


def operations(model: keras.Model) -> dict[str, keras.Operation]:
    """Every layer, and every operation of the graph that is no layer, by address."""
    found: dict[str, keras.Operation] = dict(layers(model))
    graph = flatten(model)
    for call in graph.calls if graph else ():
        found.setdefault(call.path, call.operation)
    return found


def looked_up(model: keras.Model) -> tuple[int | None, ...]:
    """For each input the rows of the smallest embedding that it is looked up in.

    None where an input is not looked up; nothing for a model without a graph.
    """
    graph = flatten(model)
    if graph is None:
        return ()
    rows: dict[int, int] = {}
    for call in graph.calls:
        if isinstance(call.operation, keras.layers.Embedding):
            size = call.operation.input_dim
            rows[call.inputs[0]] = min(size, rows.get(call.inputs[0], size))
    return tuple(rows.get(tensor) for tensor in graph.inputs)


class _Flattening:
    """The state of one flattening: numbers given so far, and calls."""

    def __init__(self, model: keras.Model) -> None:
        self.calls: list[Call] = []
        self._addresses = {id(layer): path for path, layer in layers(model).items()}
        self._count = 0

    def tensor(self) -> int:
        self._count += 1
        return self._count - 1

    def run(
        self, model: keras.Model, prefix: str, tensors: Mapping[int, int]
    ) -> tuple[int, ...]:
        """Follow a model's nodes from its inputs; the numbers of its outputs."""
        known = dict(tensors)
        for node in _nodes(model):
            given = tuple(known[id(t)] for t in node.arguments.keras_tensors)
            made = self._call(node, prefix, given)
            known.update(zip(map(id, node.outputs), made, strict=True))
        return tuple(known[id(tensor)] for tensor in model.outputs)

    def _call(self, node: Any, prefix: str, given: tuple[int, ...]) -> tuple[int, ...]:
        operation = node.operation
        own = f"{prefix}/{operation.name}".lstrip("/")
        path = self._addresses.get(id(operation), own)
        if is_graph(operation):
            inputs = dict(zip(map(id, operation.inputs), given, strict=True))
            return self.run(operation, path, inputs)
        made = tuple(self.tensor() for _ in node.outputs)
        self.calls.append(Call(path, operation, given, made, tuple(node.outputs)))
        return made


def _nodes(model: keras.Model) -> list[Any]:
    """A model's nodes from inputs to outputs, without those of the inputs."""
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs, model.outputs)
    depths: Mapping[int, list[Any]] = model._nodes_by_depth
    nodes = [node for depth in sorted(depths, reverse=True) for node in depths[depth]]
    return [node for node in nodes if not node.is_input]
