"""What a ``.tflite`` file need not have: what nothing uses, and equal constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.export.flat_schema import items

if TYPE_CHECKING:
    from collections.abc import Iterator


def drop_unused(model: Any) -> None:
    """Leave out of a model what nothing uses, and hold equal constants once.

    Args:
        model: A ``ModelT`` of the schema, changed in place.
    """
    for graph in model.subgraphs:
        _drop_tensors(model, graph)
    _drop_buffers(model)
    _drop_codes(model)


def _drop_tensors(model: Any, graph: Any) -> None:
    used = {*graph.inputs, *graph.outputs}
    for operator in graph.operators:
        used.update(operator.inputs, operator.outputs)
        used.update(int(i) for i in items(operator.intermediates))
    used.discard(-1)
    place = {old: new for new, old in enumerate(sorted(used))} | {-1: -1}
    graph.tensors = [graph.tensors[old] for old in sorted(used)]
    graph.inputs = [place[i] for i in graph.inputs]
    graph.outputs = [place[i] for i in graph.outputs]
    for operator in graph.operators:
        operator.inputs = [place[i] for i in operator.inputs]
        operator.outputs = [place[i] for i in operator.outputs]
        if operator.intermediates is not None:
            kept = [place[int(i)] for i in operator.intermediates]
            operator.intermediates = kept
    for signature in items(model.signatureDefs):
        if model.subgraphs[signature.subgraphIndex] is graph:
            for entry in (*signature.inputs, *signature.outputs):
                entry.tensorIndex = place[entry.tensorIndex]


def _drop_buffers(model: Any) -> None:
    """Keep what is used, equal contents once; buffer 0 stays the empty one."""
    kept: list[Any] = [model.buffers[0]]
    places: dict[int, int] = {0: 0}
    contents: dict[bytes, int] = {}
    for entry in _users_of_buffers(model):
        old = entry.buffer
        if old not in places:
            data = model.buffers[old].data
            content = b"" if data is None else bytes(data)
            is_new = not content or content not in contents
            places[old] = len(kept) if is_new else contents[content]
            if is_new:
                contents[content] = len(kept)
                kept.append(model.buffers[old])
        entry.buffer = places[old]
    model.buffers = kept


def _users_of_buffers(model: Any) -> Iterator[Any]:
    for graph in model.subgraphs:
        yield from graph.tensors
    yield from items(model.metadata)


def _drop_codes(model: Any) -> None:
    operators = [o for graph in model.subgraphs for o in graph.operators]
    used = sorted({operator.opcodeIndex for operator in operators})
    place = {old: new for new, old in enumerate(used)}
    codes = model.operatorCodes
    model.operatorCodes = [codes[old] for old in used]
    for operator in operators:
        operator.opcodeIndex = place[operator.opcodeIndex]
