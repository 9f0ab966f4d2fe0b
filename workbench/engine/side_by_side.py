"""The original and the compressed model side by side, on the same training samples.

Both are traced once, into one graph, of which only what leads to the kernels that are
asked for is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from workbench.core.network import array_digest
from workbench.engine.forward import Cost, traced
from workbench.engine.kernel_inputs import drawn
from workbench.engine.layers import variables
from workbench.engine.matched_norms import MatchedNorms
from workbench.engine.piece import Piece
from workbench.engine.watched_model import WatchedModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from workbench.core.network import Network
    from workbench.engine.kernel_rows import Kernel
    from workbench.engine.workload import Workload


class SideBySide:
    """Two copies of a model, one of which takes the values of a network.

    Args:
        workload: The model; it is not changed.
        x: Training samples, one array an input.
        kernels: Those that are watched, by path.
        is_matched: Whether BatchNorm gives in the compressed model what it gave in the
            original on average; see `workbench.engine.matched_norms`.

    Attributes:
        order: The kernels that can be told of, in the order in which they are met.
        norms: What matches BatchNorm; None where nothing does.
        cost: What a sample costs.
    """

    def __init__(
        self,
        workload: Workload,
        x: Sequence[NDArray[Any]],
        kernels: Mapping[str, Kernel],
        *,
        is_matched: bool,
    ) -> None:
        """Copy the model twice and trace both copies."""
        self._workload, self._x, self._kernels = workload, x, kernels
        self._before = WatchedModel(workload.model, kernels)
        self._after = WatchedModel(workload.model, kernels)
        models = (self._before.model, self._after.model)
        self.norms = MatchedNorms(*models) if is_matched else None
        self._variables = variables(self._after.model)
        self._state: dict[str, str] = {}
        self._pieces: dict[tuple[str, ...], Piece] = {}
        self._made: dict[str, Sequence[tf.Tensor]] = {}
        self.order: tuple[str, ...] = ()
        self._traced = traced(self._both, x)
        self.cost = Cost(self._traced, x, workload.model)

    def run(
        self,
        names: tuple[str, ...],
        network: Network,
        batches: Iterable[NDArray[np.intp]],
    ) -> Iterator[list[tf.Tensor]]:
        """What is asked for of each batch.

        Args:
            names: The path of a kernel for rows that meet it, with ``:given`` behind it
                for rows that meet it in the original; the address of a BatchNorm for
                its sums.
            network: The model as compressed so far.
            batches: Numbers of samples.
        """
        self._assign(network)
        run = self._piece(names)
        for batch in batches:
            yield run([tf.convert_to_tensor(array[batch]) for array in self._x])

    def _assign(self, network: Network) -> None:
        """Give the copy the values of a network."""
        others = network.others or {}
        values = {path: t.dense for path, t in network.tensors.items()}
        values |= {p: others.get(p, v) for p, v in self._workload.others.items()}
        for path, value in values.items():
            digest = array_digest(value)
            if self._state.get(path) != digest:
                variable: Any = self._variables[path].value
                variable.assign(tf.cast(value, variable.dtype))
                self._state[path] = digest

    def _piece(self, names: tuple[str, ...]) -> Piece:
        """What leads from samples to what is asked for."""
        if names not in self._pieces:
            graph = self._traced.graph
            made = [tensor for name in names for tensor in self._made[name]]
            inputs = self._traced.inputs[: len(self._x)]
            self._pieces[names] = Piece(
                graph.as_graph_def(), list(graph.captures), inputs, made
            )
        return self._pieces[names]

    def _both(self, *x: tf.Tensor) -> list[tf.Tensor]:
        if self.norms is not None:
            self.norms.begin()
        before, after = self._before.rows(x), self._after.rows(x)
        self.order = tuple(path for path in after if path in before)
        count = tf.shape(x[0])[0]
        self._made = {}
        for path in self.order:
            most = count * self._kernels[path].rows_of_a_sample
            self._made[path] = [drawn(after[path], most)]
            self._made[f"{path}:given"] = [drawn(before[path], most)]
        if self.norms is not None:
            self._made |= self.norms.sums()
        return [tensor for made in self._made.values() for tensor in made]
