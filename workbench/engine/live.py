"""The live model: a copy that takes the values of any network, compiled once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np
import tensorflow as tf

from workbench.core.codes import Float
from workbench.core.network import array_digest
from workbench.engine.cuts import Program
from workbench.engine.fake_quantization import QuantizedActivations, parameters
from workbench.engine.flat_program import FlatProgram, Runner
from workbench.engine.initial import shared
from workbench.engine.int8_contract import on_int8_contract
from workbench.engine.layers import clone, is_graph, pack, variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.network import Network
    from workbench.engine.workload import Workload

Kind = Literal["float", "quantized"]
_SAMPLES = 5


class LiveModel:
    """A model whose variables are assigned from a network, only where they changed.

    There is one graph for float activations, and one where each place of activations
    has its grid in a variable; each is traced when it is first used and never again.

    Args:
        workload: The model; it is not changed.

    Attributes:
        state: By address of each variable, and by path of each place of activations,
            a hash of what it holds.
        kind: Which of the two graphs the assigned network needs.
    """

    def __init__(self, workload: Workload) -> None:
        """Copy the model; it holds the original's values."""
        self._workload = workload
        self._model = clone(workload.model)
        self._variables: dict[str, tf.Variable] = {
            path: variable.value for path, variable in variables(self._model).items()
        }
        self._others: Mapping[str, NDArray[Any]] = {}
        self._given = variables(workload.model)
        self._original = {p: array_digest(v) for p, v in workload.others.items()}
        self._original |= workload.digests
        self.original_state = dict.fromkeys(
            (place.site.path for place in workload.places), _OFF
        )
        self.original_state |= self._original
        self.state = dict(self.original_state)
        self.kind: Kind = "float"
        given = workload.examples(_SAMPLES)
        self._samples = [tf.convert_to_tensor(array) for array in given]

    @property
    def program(self) -> Program:
        """The compiled graph for what was assigned last."""
        return self._plain if self.kind == "float" else self._quantized

    @property
    def rows(self) -> int:
        """Samples to run at once."""
        return self._plain.rows(0)

    def runner(self, start: int, stop: int) -> Runner:
        """What runs the assigned network from one cut of `program` to a later one."""
        if self.kind == "float":
            return self._flat.runner(start, stop, self.state)
        # A grid turns float rounding into whole steps: TensorFlow alone decides.
        return Runner([self._quantized.piece(start, stop)])

    def assign(self, network: Network | None) -> None:
        """Take the values of a network; None for the original.

        Args:
            network: Of this workload; what it leaves out is the original's. Where
                activations are quantized, what integer runtimes lay down is added.
        """
        network = network and on_int8_contract(self._workload, network)
        self._assign_kernels(network)
        self._assign_others(network)
        grids = network.activations if network else {}
        self.kind = "quantized" if grids else "float"
        if not grids:
            return
        _ = self._quantized
        for path, variable in self._places.variables.items():
            held = parameters(grids[path]) if path in grids else _SWITCHED_OFF
            if self.state[path] != str(held):
                variable.assign(held)
                self.state[path] = str(held)

    def predict(
        self, x: NDArray[Any] | Sequence[NDArray[Any]]
    ) -> NDArray[Any] | list[NDArray[Any]]:
        """The model's output for a batch.

        Args:
            x: One array an input, samples first; or the array of the only input.

        Returns:
            The output, samples first; a list where there are several.
        """
        arrays = [x] if isinstance(x, np.ndarray) else list(x)
        given = [
            tf.convert_to_tensor(np.asarray(array, sample.dtype.as_numpy_dtype))
            for array, sample in zip(arrays, self._samples, strict=True)
        ]
        return values_of(self.program.piece(0, self.program.end)(given))

    def _assign_kernels(self, network: Network | None) -> None:
        for path, weights in self._workload.weights.items():
            digest, dense = self._original[path], weights
            tensor = network.tensors.get(path) if network else None
            if network is not None and tensor is not None:
                dense = tensor.dense
                is_untouched = isinstance(tensor.code, Float) and dense is weights
                digest = digest if is_untouched else network.digests[path]
            self._set(path, digest, dense)

    def _assign_others(self, network: Network | None) -> None:
        others = (network.others if network else None) or {}
        if others is self._others:
            return
        for path, values in self._workload.others.items():
            fresh = others.get(path)
            if fresh is None:
                self._set(path, self._original[path], values)
            else:
                self._set(path, array_digest(fresh), fresh)
        self._others = others

    def _set(self, path: str, digest: str, values: NDArray[Any]) -> None:
        if self.state[path] != digest:
            variable = self._variables[path]
            is_original = digest == self._original[path]
            taken = self._given[path].value if is_original else shared(values)
            variable.assign(tf.cast(taken, variable.dtype))
            self.state[path] = digest

    @cached_property
    def _plain(self) -> Program:
        return self._trace(None)

    @cached_property
    def _flat(self) -> FlatProgram:
        return FlatProgram(self._plain, self._samples)

    @cached_property
    def _quantized(self) -> Program:
        # The plain graph must be traced before the layers' calls are wrapped.
        _ = self._plain
        self._places = QuantizedActivations(self._model, self._workload.places)
        return self._trace(self._places)

    def _trace(self, places: QuantizedActivations | None) -> Program:
        model = self._model

        def forward(*arrays: tf.Tensor) -> list[tf.Tensor]:
            inputs = cast_inputs(model, arrays)
            inputs = places.inputs(inputs) if places else inputs
            return keras.tree.flatten(model(pack(model, inputs), training=False))

        signature = [
            tf.TensorSpec((None, *array.shape[1:]), array.dtype)
            for array in self._samples
        ]
        function = tf.function(forward, input_signature=signature, autograph=False)
        changeable = self._variables | (places.variables if places else {})
        kernels = [site.path for site in self._workload.sites]
        return Program(
            function.get_concrete_function(), changeable, kernels, self._samples
        )


def values_of(outputs: Sequence[tf.Tensor]) -> NDArray[Any] | list[NDArray[Any]]:
    """A model's outputs as arrays; the only one by itself."""
    arrays = [output.numpy() for output in outputs]
    return arrays[0] if len(arrays) == 1 else arrays


def cast_inputs(model: keras.Model, arrays: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Inputs in the types that a functional model declares."""
    if not is_graph(model):
        return list(arrays)
    pairs = zip(arrays, model.inputs, strict=True)
    return [tf.cast(array, given.dtype) for array, given in pairs]


_SWITCHED_OFF = [1.0, 0.0, 0.0, 0.0]
_OFF = str(_SWITCHED_OFF)
