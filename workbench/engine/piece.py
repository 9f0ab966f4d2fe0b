"""A part of a traced graph as a function of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Sequence

Summary = Callable[[tf.Tensor], tf.Tensor]

_CLOSE = 1e-4


class Piece:
    """What leads from some tensors of a graph to others, compiled.

    Args:
        definition: The whole graph, a ``GraphDef``.
        captures: What it takes from outside, and the placeholders that stand for it.
        given: The tensors that the part starts from.
        made: The tensors that it ends with.
        summary: What to tell of each of these that it makes; None for all of it.
    """

    def __init__(
        self,
        definition: Any,
        captures: Sequence[tuple[Any, tf.Tensor]],
        given: Sequence[tf.Tensor],
        made: Sequence[tf.Tensor],
        summary: Summary | None = None,
    ) -> None:
        """Compile it."""
        self._given = [tensor.name for tensor in given]
        self._made = [tensor.name for tensor in made]
        self._names = list(dict.fromkeys(n for n in self._made if n not in self._given))
        part, used = _subgraph(definition, set(self._given), self._names)

        def run(*arrays: tf.Tensor) -> list[tf.Tensor]:
            graph: Any = tf.compat.v1.get_default_graph()
            mapped = dict(zip(self._given, arrays, strict=True))
            for outer, inner in captures:
                if inner.name in used:
                    mapped[inner.name] = graph.capture(outer)
            found = tf.graph_util.import_graph_def(
                part,
                input_map={name: t for name, t in mapped.items() if name in used},
                return_elements=self._names,
                name="",
            )
            return list(map(summary, found)) if summary else found

        signature = [tf.TensorSpec(t.shape, t.dtype) for t in given]
        function = tf.function(run, input_signature=signature, autograph=False)
        self._run = function.get_concrete_function() if self._names else None

    def __call__(self, arrays: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The made tensors, in their order.

        Args:
            arrays: Values of the given tensors.
        """
        found = dict(zip(self._given, arrays, strict=True))
        if self._run is not None:
            found |= zip(self._names, self._run(*arrays), strict=True)
        return [found[name] for name in self._made]


def is_close(found: tf.Tensor, expected: tf.Tensor) -> bool:
    """Whether two results differ by no more than the rounding of float32."""
    if found.shape != expected.shape:
        return False
    found, expected = (tf.cast(tensor, tf.float32) for tensor in (found, expected))
    gap = float(tf.reduce_max(tf.abs(found - expected)))
    return gap <= _CLOSE * (1 + float(tf.reduce_max(tf.abs(expected))))


def _subgraph(
    definition: Any, given: set[str], made: Sequence[str]
) -> tuple[Any, set[str]]:
    """The operations that lead from given tensors to made ones.

    Where nothing is written the order of reads does not matter, so control inputs are
    left out.

    Returns:
        The part, without placeholders, and the names of all tensors that are used.
    """
    nodes = {node.name: node for node in definition.node}
    needed: set[str] = set()
    used: set[str] = set()
    waiting = list(made)
    while waiting:
        name = waiting.pop().split(":")[0]
        if name in needed or nodes[name].op == "Placeholder":
            continue
        needed.add(name)
        for tensor in _inputs(nodes[name]):
            used.add(tensor)
            if tensor not in given:
                waiting.append(tensor)
    part = tf.compat.v1.GraphDef()
    part.versions.CopyFrom(definition.versions)
    part.library.CopyFrom(definition.library)
    for node in definition.node:
        if node.name in needed:
            copy = part.node.add()
            copy.CopyFrom(node)
            del copy.input[:]
            copy.input.extend(i for i in node.input if not i.startswith("^"))
    return part, used


def _inputs(node: Any) -> list[str]:
    """Names of the tensors that a node takes."""
    given = [name for name in node.input if not name.startswith("^")]
    return [name if ":" in name else f"{name}:0" for name in given]
