"""A copy of a model whose kernels tell what meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from workbench.engine.kernel_inputs import watched
from workbench.engine.layers import clone, layers, pack
from workbench.engine.live import cast_inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import keras

    from workbench.engine.kernel_inputs import Rows


class WatchedModel:
    """The copy.

    Args:
        model: What is copied.
        paths: Addresses of the kernels.

    Attributes:
        model: The copy.
        layers: The layer of each kernel that can tell, by path.
    """

    def __init__(self, model: keras.Model, paths: Iterable[str]) -> None:
        """Copy it, and wrap the calls of its layers."""
        self.model = clone(model)
        self.layers: dict[str, Any] = {}
        self._passing: dict[str, list[Rows]] = {}
        self._graph: Any = None
        found = layers(self.model)
        names: dict[str, dict[str, str]] = {}
        for path in paths:
            address, _, name = path.rpartition("/")
            names.setdefault(address, {})[name] = path
        for address, kernels in names.items():
            if address in found:
                self._watch(found[address], kernels)

    def rows(self, x: Sequence[tf.Tensor]) -> dict[str, list[Rows]]:
        """The rows that meet each kernel in each of its calls; within a graph."""
        self._passing = {}
        self._graph = tf.compat.v1.get_default_graph()
        self.model(pack(self.model, cast_inputs(self.model, x)), training=False)
        return self._passing

    def _watch(self, layer: Any, kernels: Mapping[str, str]) -> None:
        def note(name: str, rows: Rows) -> None:
            # Within a loop of its own a tensor cannot be reached from outside.
            if name in kernels and rows.count.graph is self._graph:
                self._passing.setdefault(kernels[name], []).append(rows)

        call = watched(layer, note)
        if call is not None:
            layer.call = call
            self.layers |= dict.fromkeys(kernels.values(), layer)
