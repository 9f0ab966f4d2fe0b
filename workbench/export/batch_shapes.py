"""Reshapes whose target is computed from the number of samples, made constant.

Where the number of samples is open, the converter computes the target of a reshape at
run time, ``[samples, 3136]``; ``[-1, 3136]`` says the same, costs nothing, and lets the
runtime plan the whole file at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.export.flat_model import FlatModel


def fix_reshapes(model: FlatModel) -> None:
    """Give reshapes of the main graph constant targets where only samples are open."""
    graph = model.graphs[0]
    makers = {i: operator for operator in graph.operators for i in operator.outputs}
    for operator in graph.operators:
        if model.name(operator) == "RESHAPE":
            target = _target(model, graph, makers, operator.inputs[1])
            if target is not None:
                like = graph.tensors[operator.inputs[1]]
                constant = model.add_constant(graph, like, target)
                operator.inputs = [operator.inputs[0], constant]
    _drop_unread(graph)


def _target(
    model: FlatModel, graph: Any, makers: dict[int, Any], index: int
) -> NDArray[np.int32] | None:
    packed = makers.get(index)
    if packed is None or model.name(packed) != "PACK":
        return None
    first, *rest = packed.inputs
    sizes = [model.constant(graph, i) for i in rest]
    if not _is_samples(model, graph, makers, first):
        return None
    known = [int(size.ravel()[0]) for size in sizes if size is not None]
    return np.array([-1, *known], np.int32) if len(known) == len(sizes) else None


def _is_samples(
    model: FlatModel, graph: Any, makers: dict[int, Any], index: int
) -> bool:
    """Whether a number is the first entry of some tensor's shape."""
    sliced = makers.get(index)
    if sliced is None or model.name(sliced) != "STRIDED_SLICE":
        return False
    shape = makers.get(sliced.inputs[0])
    begin = model.constant(graph, sliced.inputs[1])
    is_first = begin is not None and begin.size == 1 and int(begin.ravel()[0]) == 0
    return is_first and shape is not None and model.name(shape) == "SHAPE"


def _drop_unread(graph: Any) -> None:
    """Take out operators whose results nobody reads, from the end."""
    read = set(graph.outputs)
    kept: list[Any] = []
    for operator in reversed(graph.operators):
        if not operator.outputs or read.intersection(operator.outputs):
            read.update(operator.inputs)
            kept.append(operator)
    graph.operators = kept[::-1]
