"""The grids that a float file carries as pairs QUANTIZE, DEQUANTIZE."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.export.flat_schema import grid_in
from workbench.export.int8_rules import SAME, Grid
from workbench.export.saved_graph import MARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.export.flat_model import FlatModel

_UINT8_TO_INT8 = 128
_MARK = re.compile(MARK.encode() + rb"(\d+)")


@dataclass(frozen=True, eq=False)
class MarkedGrids:
    """The grids of a file, taken out of it.

    Attributes:
        grids: Scale and zero point as int8 has it, by tensor.
        sources: For each tensor that a pair made, the one that went in.
    """

    grids: dict[int, Grid]
    sources: dict[int, int]


def take_grids(model: FlatModel, names: Sequence[str]) -> MarkedGrids:
    """Take the pairs out of a file; readers read what was before them.

    Args:
        model: A file with one graph; changed.
        names: Paths of all places by number; they become their tensors' names.
    """
    graph = model.graphs[0]
    grids: dict[int, Grid] = {}
    sources: dict[int, int] = {}
    kept: list[Any] = []
    for operator in graph.operators:
        name = model.name(operator)
        if name == "QUANTIZE":
            given: int = operator.inputs[0]
            source = sources.get(given, given)
            coded = graph.tensors[operator.outputs[0]]
            grid = grid_in(coded)
            if grid is not None:
                is_uint8 = model.type_of(coded) == np.uint8
                grids[source] = (grid[0], grid[1] - _UINT8_TO_INT8 * is_uint8)
                _rename(graph.tensors[source], coded, names)
            sources[operator.outputs[0]] = source
        elif name == "DEQUANTIZE" and operator.inputs[0] in sources:
            sources[operator.outputs[0]] = sources[operator.inputs[0]]
        else:
            kept.append(operator)
    graph.operators = kept
    for operator in kept:
        operator.inputs = [sources.get(i, i) for i in operator.inputs]
    graph.outputs = [sources.get(i, i) for i in graph.outputs]
    _spread(model, grids)
    return MarkedGrids(grids, sources)


def moved(model: FlatModel, operator: Any) -> int:
    """The tensor whose values an operator of `SAME` moves."""
    return operator.inputs[1 if model.name(operator) == "SPLIT" else 0]


def _rename(tensor: Any, coded: Any, names: Sequence[str]) -> None:
    match = _MARK.search(coded.name)
    if match:
        tensor.name = names[int(match[1])].encode()


def _spread(model: FlatModel, grids: dict[int, Grid]) -> None:
    """Give values that only moved the grid of where they go to or come from."""
    operators = model.graphs[0].operators
    moving = [operator for operator in operators if model.name(operator) in SAME]
    for operator in reversed(moving):
        source, target = moved(model, operator), operator.outputs[0]
        readers = sum(source in other.inputs for other in operators)
        if target in grids and readers == 1:
            grids.setdefault(source, grids[target])
    for operator in moving:
        source = moved(model, operator)
        for target in operator.outputs:
            if source in grids:
                grids.setdefault(target, grids[source])
