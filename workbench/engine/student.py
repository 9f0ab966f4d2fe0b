"""The model under retraining: a copy whose kernels follow masked, quantized weights."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from workbench.core.affine import grid_of_code, quantize
from workbench.core.codebooks import coded
from workbench.core.codes import Affine, Codebook, Composed, Gates
from workbench.core.network import array_digest
from workbench.engine.batch_norm import fuse
from workbench.engine.clustered_weights import ClusteredWeights, table_axes
from workbench.engine.composed_weights import ComposedWeights
from workbench.engine.fake_quantization import QuantizedActivations
from workbench.engine.layers import called, clone, variables
from workbench.engine.quantized_weights import QuantizedWeights

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tensorflow as tf
    from numpy.typing import NDArray

    from workbench.core.measurement import Retrained
    from workbench.core.network import Network
    from workbench.core.tensor import CompressedTensor
    from workbench.engine.quantized_weights import Trained
    from workbench.engine.workload import Workload


class Student:
    """A copy of a workload's model that starts at a network.

    Args:
        workload: The model; it is not changed.
        network: Masks and codes to hold.
        start: A retraining to go on from; None starts from the network.
        seed: Of dropout and its like.

    Attributes:
        model: The copy.
        kernels: What is trained, by path; those of frozen layers are not in it.
    """

    def __init__(
        self, workload: Workload, network: Network, start: Retrained | None, seed: int
    ) -> None:
        """Copy the model and give it its values."""
        self.model = clone(workload.model)
        fuse(self.model)
        self.kernels: dict[str, Trained] = {}
        self._network = network
        self._variables = variables(self.model)
        self._start = workload.weights if start is None else start.kernels
        trained = {id(variable) for variable in self.model.trainable_variables}
        others = (start.network if start else network).others or {}
        for path, variable in self._variables.items():
            if path not in network.tensors:
                if path in others:
                    variable.assign(others[path])
                continue
            tensor = network.tensors[path]
            variable.assign(tensor.dense)
            if id(variable) in trained:
                earlier = start.network.tensors[path] if start else None
                self.kernels[path] = (
                    _composed(variable, self._start[path], tensor, earlier)
                    if isinstance(tensor.code, Composed)
                    else _single(variable, self._start[path], tensor, earlier)
                )
        _seed(self.model, seed)
        grids = network.activations
        places = [place for place in workload.places if place.site.path in grids]
        self._activations = QuantizedActivations(self.model, places, is_trained=True)
        self._activations.load(grids)

    def __call__(self, inputs: list[tf.Tensor], *, training: bool) -> Any:
        """The model's outputs, its activations on their grids; inside a graph."""
        inputs = self._activations.inputs(inputs)
        return called(self.model, inputs, training=training)

    def network(self) -> Network:
        """The network that the model is now; the model's kernels are set to it."""
        tensors = dict(self._network.tensors)
        digests = dict(self._network.digests)
        for path, kernel in self.kernels.items():
            tensor = kernel.tensor()
            tensors[path], digests[path] = tensor, _digest(tensor)
            self._variables[path].assign(tensor.dense)
        others = {
            path: np.array(variable)
            for path, variable in self._variables.items()
            if path not in tensors
        }
        return replace(
            self._network,
            tensors=tensors,
            digests=digests,
            others=others,
            is_retrained=True,
        )

    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """The float weights behind every kernel, masked."""
        return {
            path: self.kernels[path].weights()
            if path in self.kernels
            else _masked(self._start[path], tensor)
            for path, tensor in self._network.tensors.items()
        }


def _single(
    variable: keras.Variable,
    weights: NDArray[np.float32],
    tensor: CompressedTensor,
    trained: CompressedTensor | None,
) -> QuantizedWeights:
    """A kernel, or factor, under training.

    Args:
        variable: Where its values go.
        weights: The float weights before any step, or those behind `trained`.
        tensor: Mask and code to hold.
        trained: What an earlier retraining made of it; None without one.
    """
    is_clustered = isinstance(tensor.code, Codebook)
    made = ClusteredWeights if is_clustered else QuantizedWeights
    if trained is None:
        return made(variable, _behind(weights, tensor), tensor)
    return made(variable, weights, _on_trained_grid(tensor, trained))


def _composed(
    variable: keras.Variable,
    weights: NDArray[np.float32],
    tensor: CompressedTensor,
    trained: CompressedTensor | None,
) -> ComposedWeights:
    """A product or gates under training, each part by itself.

    A product goes on from factors as they are on their grids, gates from the float
    weights behind them.
    """
    code = tensor.code
    assert isinstance(code, Composed)
    before: list[CompressedTensor | None] = [None] * len(code.parts)
    if trained is not None and type(trained.code) is type(code):
        before = list(trained.code.parts)  # type: ignore[union-attr]
    starts = [
        part.start if earlier is None else earlier.dense
        for part, earlier in zip(code.parts, before, strict=True)
    ]
    if isinstance(code, Gates):
        starts = np.split(weights, len(code.parts), axis=-1)
    parts = [
        _single(
            keras.Variable(part.dense, trainable=False, name="part"),
            np.ascontiguousarray(start),
            part,
            earlier,
        )
        for part, start, earlier in zip(code.parts, starts, before, strict=True)
    ]
    return ComposedWeights(variable, parts, tensor)


def _behind(
    original: NDArray[np.float32], tensor: CompressedTensor
) -> NDArray[np.float32]:
    """Float weights that become the tensor on its grid.

    They are the original's, but where a step has put another value than plain rounding
    would: there they are that value.
    """
    code, grid = tensor.code, grid_of_code(tensor.code)
    if isinstance(code, Codebook):
        again = coded(original, code.centroids, tuple(table_axes(code)))
        is_same = again.indexes == code.indexes
    elif grid is not None and isinstance(code, Affine):
        is_same = quantize(original, grid) == code.q
    else:
        return tensor.dense
    return _masked(np.where(is_same, original, tensor.dense), tensor)


def _masked(
    weights: NDArray[np.float32], tensor: CompressedTensor
) -> NDArray[np.float32]:
    if tensor.mask is None:
        return weights
    return np.where(tensor.mask, weights, np.float32(0))


def _on_trained_grid(
    tensor: CompressedTensor, trained: CompressedTensor
) -> CompressedTensor:
    """The tensor with what was learned already, where its grid or tables are alike."""
    both = (tensor.code, trained.code)
    if all(isinstance(code, Codebook) for code in both):
        first, second = (code.centroids.shape for code in both)  # type: ignore[union-attr]
        return replace(tensor, code=trained.code) if first == second else tensor
    ours, theirs = grid_of_code(tensor.code), grid_of_code(trained.code)
    is_alike = (
        ours is not None
        and theirs is not None
        and (ours.bits, ours.is_symmetric) == (theirs.bits, theirs.is_symmetric)
        and np.array_equal(ours.zero_point, theirs.zero_point)
    )
    return replace(tensor, code=trained.code) if is_alike else tensor


def _digest(tensor: CompressedTensor) -> str:
    parts = [array_digest(tensor.dense)]
    if isinstance(tensor.code, Composed):
        parts += [_digest(part) for part in tensor.code.parts]
    if isinstance(tensor.code, Codebook):
        parts.append(array_digest(tensor.code.centroids))
    grid = grid_of_code(tensor.code)
    if grid is not None:
        parts += [array_digest(grid.scale), array_digest(grid.zero_point)]
        parts.append(f"{grid.bits} {grid.is_symmetric}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _seed(model: keras.Model, seed: int) -> None:
    """Set the state of dropout and its like, which are no weights."""
    states = [v for v in model.variables if v.name == "seed_generator_state"]
    for place, state in enumerate(states):
        state.assign(np.array([seed, place], np.uint32))
