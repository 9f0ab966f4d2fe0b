"""What an int8 runtime lays down, taken over by the simulation.

The output of a softmax or sigmoid is on the grid of 1/256, that of a tanh on the grid
of 1/128, whatever calibration saw. And a bias is added in the accumulator, as int32
with ``scale = input scale * weight scale``, BatchNorm folded. That rounding is
small and yet decides most of the ties by which a simulation and a file differ: on the
demo CNN at 8 bits 7 of 10,000 answers without it, none with it. So the simulation
rounds biases too.

Source: LiteRT's 8-bit quantization specification.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import keras
import numpy as np

from workbench.core.affine import Grid
from workbench.core.codes import Affine
from workbench.core.int8 import INT8_BITS, INT8_LARGEST, int8_factor
from workbench.engine.graph import Call, Graph, flatten
from workbench.engine.outputs import activation_of
from workbench.engine.sites import CONVOLUTIONS, DEPTHWISE, TRANSPOSED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from workbench.core.network import Network
    from workbench.core.tensor import CompressedTensor
    from workbench.engine.outputs import Place
    from workbench.engine.workload import Workload

_PARTS = ("beta", "gamma", "moving_mean", "moving_variance")
_FIXED = {"softmax": (1 / 256, 0), "sigmoid": (1 / 256, 0), "tanh": (1 / 128, 128)}
_GRAPHS: WeakKeyDictionary[Workload, Graph | None] = WeakKeyDictionary()
_ROUNDED = (*CONVOLUTIONS, *TRANSPOSED, *DEPTHWISE, keras.layers.Dense)


def on_int8_contract(workload: Workload, network: Network) -> Network:
    """The network with biases and laid-down grids where an int8 file has them.

    For biases, ``b' = s * round(b / s)`` with s = input scale * weight scale, for each
    layer whose input is quantized to 8 bits and whose weights int8 holds. A BatchNorm
    behind the layer is folded for it, and its beta takes the difference. Twice does the
    same as once.

    Args:
        workload: Where the network comes from.
        network: With activations quantized; without, it is returned as it is.
    """
    graph = _graph_of(workload) if network.activations else None
    if graph is None:
        return network
    network = replace(network, activations=_laid_down(network, workload.places, graph))
    values = {**workload.others, **(network.others or {})}
    moved: dict[str, NDArray[Any]] = {}
    for path, bias in _Rounding(workload, network, graph, values).all():
        # A layer called on two grids has a bias for each in the file.
        is_one = path not in moved or np.array_equal(moved[path], bias)
        moved[path] = bias if is_one else values[path]
    return replace(network, others=values | moved) if moved else network


def _graph_of(workload: Workload) -> Graph | None:
    """The graph of a workload's model, flattened once."""
    if workload not in _GRAPHS:
        _GRAPHS[workload] = flatten(workload.model)
    return _GRAPHS[workload]


def _laid_down(
    network: Network, places: Iterable[Place], graph: Graph
) -> Mapping[str, Grid]:
    """The grids of activations, with those that the runtime lays down."""
    operations = {call.path: call.operation for call in graph.calls}
    grids = dict(network.activations)
    for place in places:
        path, operation = place.site.path, operations.get(place.operation)
        if path not in grids or place.at != "output" or operation is None:
            continue
        fixed = _FIXED.get(activation_of(operation))
        if fixed is not None and grids[path].bits == INT8_BITS:
            scale, zero_point = np.float32(fixed[0]), np.int32(fixed[1])
            grids[path] = Grid(
                np.asarray(scale), np.asarray(zero_point), INT8_BITS, is_symmetric=False
            )
    return grids


class _Rounding:
    """What the rounding of one network's biases looks at."""

    def __init__(
        self,
        workload: Workload,
        network: Network,
        graph: Graph,
        values: Mapping[str, NDArray[Any]],
    ) -> None:
        self._network, self._graph, self._values = network, graph, values
        self._places = {place.site.path for place in workload.places}
        self._inputs = dict(zip(graph.inputs, graph.input_names, strict=True))
        self._makers = {t: call for call in graph.calls for t in call.outputs}

    def all(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Path and new values of each bias (or beta) that is rounded."""
        for call in self._graph.calls:
            tensor = self._network.tensors.get(f"{call.path}/kernel")
            if not isinstance(call.operation, _ROUNDED) or tensor is None:
                continue
            grid = self._grid(call.inputs[0])
            scale = _weight_scale(tensor, call.operation)
            if grid is not None and grid.bits == INT8_BITS and scale is not None:
                step = scale * float(np.reshape(grid.scale, ()))
                yield from self._rounded(call, step)

    def _grid(self, tensor: int) -> Grid | None:
        """The grid of a tensor, which may have been moved around since."""
        if tensor in self._inputs:
            return self._network.activations.get(f"{self._inputs[tensor]}/input")
        call = self._makers[tensor]
        path = f"{call.path}/output"
        if path in self._places:
            return self._network.activations.get(path)
        return self._grid(call.inputs[0]) if len(call.inputs) == 1 else None

    def _rounded(
        self, call: Call, step: NDArray[np.float64]
    ) -> Iterator[tuple[str, NDArray[Any]]]:
        bias = self._values.get(f"{call.path}/bias")
        norm = self._folded(call)
        if norm is None:
            if bias is not None:
                yield f"{call.path}/bias", _moved(bias, bias, step)
            return
        layer: Any = norm.operation
        part: dict[str, Any] = {
            name: self._values.get(f"{norm.path}/{name}") for name in _PARTS
        }
        beta, gamma = part["beta"], part["gamma"]
        spread = np.sqrt(np.float64(part["moving_variance"]) + layer.epsilon)
        factor = (1.0 if gamma is None else np.float64(gamma)) / spread
        entering = np.float64(0 if bias is None else bias)
        if beta is not None:
            folded = (entering - part["moving_mean"]) * factor + beta
            usable = np.where(factor == 0, 1.0, np.abs(factor))
            yield f"{norm.path}/beta", _moved(beta, folded, step * usable)

    def _folded(self, call: Call) -> Call | None:
        """The BatchNorm that a call's weights are multiplied with in a file."""
        if f"{call.path}/output" in self._places:
            return None
        readers = [c for c in self._graph.calls if call.outputs[0] in c.inputs]
        is_norm = isinstance(readers[0].operation, keras.layers.BatchNormalization)
        return readers[0] if is_norm else None


def _moved(
    bias: NDArray[Any], folded: NDArray[Any], step: NDArray[np.float64]
) -> NDArray[Any]:
    """A bias moved by what rounding does to it once it is folded."""
    rounded = np.rint(folded / step) * step
    return (bias + (rounded - folded)).astype(bias.dtype)


def _weight_scale(
    tensor: CompressedTensor, layer: keras.Operation
) -> NDArray[np.float64] | None:
    """Scale of each output channel's weights in an int8 file; None if it has none."""
    code = tensor.code
    if not isinstance(code, Affine):
        return None
    q = code.q - code.zero_point
    largest = int(np.abs(q if tensor.mask is None else q * tensor.mask).max(initial=0))
    if largest > INT8_LARGEST:
        return None
    axes = (-2, -1) if isinstance(layer, DEPTHWISE) else (-1,)
    axes = (-2,) if isinstance(layer, TRANSPOSED) else axes
    kept = tuple(axis % q.ndim for axis in axes)
    shape = [size if axis in kept else 1 for axis, size in enumerate(q.shape)]
    if any(n > 1 for axis, n in enumerate(code.scale.shape) if axis not in kept):
        return None
    scale = np.broadcast_to(code.scale, shape).ravel().astype(np.float64)
    return scale / int8_factor(largest)
