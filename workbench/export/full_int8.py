"""A float file turned into one that computes in int8, on the grids of the simulation.

The float file carries each grid of the simulation as a pair QUANTIZE, DEQUANTIZE behind
the tensor it belongs to. An operator becomes an integer one where its activations have
grids and int8 holds its weights; all others stay float, between a DEQUANTIZE and a
QUANTIZE, which is just what was simulated. Accumulators are int32, biases int32 with
``scale = input scale * weight scale``.

Rules per operator: LiteRT's 8-bit quantization specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.export.flat_schema import VALID
from workbench.export.int8_rules import (
    FIXED,
    FREE,
    JOINING,
    SAME,
    WEIGHTED,
    Grid,
    Weighted,
)
from workbench.export.int8_tensors import ONE, Int8Tensors
from workbench.export.marked_grids import MarkedGrids, moved, take_grids
from workbench.export.stored_weights import int8_channels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.export.flat_model import FlatModel
    from workbench.export.kernels_in_file import Stored


@dataclass(frozen=True)
class Report:
    """What became of a file's operators.

    Attributes:
        integer: Number of operators that compute in int8.
        float_names: Names of those that stay float, in order.
    """

    integer: int
    float_names: tuple[str, ...]


def to_int8(
    model: FlatModel,
    found: Mapping[tuple[int, int], Stored],
    places: Sequence[str],
) -> tuple[Report, dict[tuple[int, int], Stored]]:
    """Make a float file with grids compute in int8.

    Args:
        model: A file with one graph and its grids as pairs; changed.
        found: Its kernels, from `find_kernels`.
        places: Paths of all places, in the order of `saved_graph.save_graph`; they
            become the names of their tensors.

    Returns:
        What happened, and the kernels that float operators still use.
    """
    work = _Conversion(model, found, take_grids(model, places))
    work.run()
    graph = model.graphs[0]
    used = {index for operator in graph.operators for index in operator.inputs}
    rest = {place: stored for place, stored in found.items() if place[1] in used}
    names = tuple(model.name(operator) for operator in work.floating)
    return Report(work.integer_count, names), rest


class _Conversion(Int8Tensors):
    """The state of one conversion."""

    def __init__(
        self,
        model: FlatModel,
        found: Mapping[tuple[int, int], Stored],
        marked: MarkedGrids,
    ) -> None:
        super().__init__(model, marked.grids)
        self.found = {index: s for (n, index), s in found.items() if n == 0}
        self.sources = marked.sources
        self.floating: list[Any] = []
        self.integer_count = 0

    def run(self) -> None:
        for index in self.graph.inputs:
            if index in self.grids:
                self.integers[index] = self.int8_like(index, self.grids[index])
        operators, self.graph.operators = self.graph.operators, self.made
        for operator in operators:
            if not self._to_integer(operator):
                self._keep_float(operator)
        self._move_ends()

    def _to_integer(self, operator: Any) -> bool:
        """Make an operator compute in int8, if it can."""
        name = self.model.name(operator)
        if any(index not in self.grids for index in operator.outputs):
            return False
        if name == "AVERAGE_POOL_2D":
            return self._average(operator)
        if name in WEIGHTED:
            return self._weighted(operator, WEIGHTED[name])
        if name in FIXED:
            return self._fixed(operator, *FIXED[name])
        for versions, change in (
            (FREE, self._free),
            (SAME, self._same),
            (JOINING, self._joining),
        ):
            if name in versions:
                return change(operator, versions[name])
        return False

    def _weighted(self, operator: Any, at: Weighted) -> bool:
        source = operator.inputs[at.source]
        stored = self.found.get(operator.inputs[at.weights])
        bias = self._bias(operator, at.bias)
        if source not in self.grids or stored is None or bias is False:
            return False
        weights = int8_channels(
            self.model, self.graph, operator.inputs[at.weights], stored, at.axis
        )
        if weights is None:
            return False
        given = list(operator.inputs)
        if bias is not None:
            scale = self.graph.tensors[weights].quantization.scale.astype(np.float64)
            coded = self._int32_bias(
                given[at.bias], bias, scale * self.grids[source][0]
            )
            if coded is None:
                return False
            given[at.bias] = coded
        given[at.source], given[at.weights] = self.integer(source), weights
        self._emit(operator, given, at.version)
        return True

    def _int32_bias(
        self, index: int, bias: NDArray[np.float64], scale: NDArray[np.float64]
    ) -> int | None:
        q = np.rint(bias / scale)
        if np.abs(q).max(initial=0) > np.iinfo(np.int32).max:
            return None
        like = self.graph.tensors[index]
        grid = (scale, 0, 0)
        return self.model.add_constant(self.graph, like, q.astype(np.int32), grid)

    def _bias(self, operator: Any, at: int) -> Any:
        """The bias; None where there is none, False where it is computed."""
        if at >= len(operator.inputs) or operator.inputs[at] < 0:
            return None
        values = self.model.constant(self.graph, operator.inputs[at])
        return False if values is None else values.astype(np.float64)

    def _free(self, operator: Any, version: int) -> bool:
        for index in operator.inputs:
            is_constant = self.model.constant(self.graph, index) is not None
            if index not in self.grids and (index in self.found or not is_constant):
                return False
        given = [self.operand(index) for index in operator.inputs]
        self._emit(operator, given, version)
        return True

    def _same(self, operator: Any, version: int) -> bool:
        source = moved(self.model, operator)
        if source not in self.grids:
            return False
        given = [self.integer(i) if i == source else i for i in operator.inputs]
        self._emit(operator, given, version, own=self.grids[source])
        return True

    def _average(self, operator: Any) -> bool:
        """Average as a depthwise convolution with equal weights.

        LiteRT's own average stays on the grid of its input, and would round twice.
        """
        source, options = operator.inputs[0], operator.builtinOptions
        tensor = self.graph.tensors[source]
        window = (options.filterHeight, options.filterWidth)
        if source not in self.grids or options.padding != VALID:
            return False
        channels = int(tensor.shape[-1])
        weights = np.full((1, *window, channels), ONE, np.int8)
        scale = np.full(channels, 1 / (ONE * window[0] * window[1]), np.float32)
        bias_scale = scale.astype(np.float64) * self.grids[source][0]
        given = [
            self.integer(source),
            self.model.add_constant(self.graph, tensor, weights, (scale, 0, 3)),
            self.model.add_constant(
                self.graph, tensor, np.zeros(channels, np.int32), (bias_scale, 0, 0)
            ),
        ]
        self.model.make_depthwise(operator)
        self._emit(operator, given, WEIGHTED["DEPTHWISE_CONV_2D"].version)
        return True

    def _joining(self, operator: Any, version: int) -> bool:
        if any(index not in self.grids for index in operator.inputs):
            return False
        grid = self.grids[operator.outputs[0]]
        given = [self.on_grid(index, grid) for index in operator.inputs]
        self._emit(operator, given, version)
        return True

    def _fixed(self, operator: Any, version: int, grid: Grid) -> bool:
        source = operator.inputs[0]
        if source not in self.grids:
            return False
        self._emit(operator, [self.integer(source)], version, own=grid)
        return True

    def _keep_float(self, operator: Any) -> None:
        operator.inputs = [self.floats(index) for index in operator.inputs]
        self.made.append(operator)
        if operator.inputs and any(
            self.model.type_of(self.graph.tensors[i]) == np.float32
            for i in operator.outputs
        ):
            self.floating.append(operator)
        for index in operator.outputs:
            if index in self.grids:
                target = self.int8_like(index, self.grids[index])
                self.made.append(self.model.operator("QUANTIZE", 1, [index], [target]))
                self.integers[index] = target

    def _emit(
        self, operator: Any, given: list[int], version: int, own: Grid | None = None
    ) -> None:
        """Add an integer operator; `own` is the grid that it writes on by itself."""
        self.model.set_version(operator, version)
        operator.inputs = given
        self.made.append(operator)
        self.integer_count += 1
        targets: list[int] = []
        for index in operator.outputs:
            wished = self.grids[index]
            written = own or wished
            target = self.int8_like(index, written)
            targets.append(target)
            self.integers[index] = target
            if written != wished:
                self.integers[index] = self.again(target, index, wished)
        operator.outputs = targets

    def _move_ends(self) -> None:
        """Let the file be called with integers where its ends have grids."""
        self.graph.inputs = [self._end(index) for index in self.graph.inputs]
        self.graph.outputs = [self._end(index) for index in self.graph.outputs]
        for signature in self.model.signatures:
            for entry in (*signature.inputs, *signature.outputs):
                entry.tensorIndex = self._end(entry.tensorIndex)

    def _end(self, index: int) -> int:
        source = self.sources.get(index, index)
        return self.integers.get(source, source)
