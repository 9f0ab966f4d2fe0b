"""A full int8 file against the simulation, tensor by tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from workbench.core.network import Network
from workbench.engine.fake_quantization import fake_quantize, parameters, wrap
from workbench.engine.int8_contract import on_int8_contract
from workbench.engine.layers import pack
from workbench.engine.live import cast_inputs
from workbench.engine.realize import realize
from workbench.engine.workload import Workload
from workbench.export.run import Runtime


@dataclass(frozen=True)
class TensorParity:
    """One quantized tensor in the file against the simulation.

    Attributes:
        path: Place of the activation.
        equal: Fraction of values on the same grid point.
        largest_steps: Largest difference, in steps of the grid.
    """

    path: str
    equal: float
    largest_steps: int


def compare_tensors(
    workload: Workload,
    network: Network,
    runtime: Runtime,
    order: Sequence[int],
    *,
    samples: int = 100,
) -> tuple[TensorParity, ...]:
    """Compare the quantized tensors of a full int8 file, in the order they are reached.

    Args:
        workload: The model and its data.
        network: What the file was made of.
        runtime: The file.
        order: Which of the model's inputs each of the file's inputs is.
        samples: How many test samples to run.
    """
    test = workload.data.test
    if test is None or not network.activations:
        return ()
    x = [array[:samples] for array in test.x]
    found = runtime.values([x[i] for i in order])
    expected = _simulated_values(workload, network, x)
    rows: list[TensorParity] = []
    for path, values in expected.items():
        if path in found and found[path].shape == values.shape:
            scale = np.float32(np.reshape(network.activations[path].scale, ()))
            steps = np.rint((found[path] - values) / scale)
            largest = int(np.abs(steps).max(initial=0))
            rows.append(TensorParity(path, float(np.mean(steps == 0)), largest))
    return tuple(rows)


def _simulated_values(
    workload: Workload, network: Network, x: Sequence[NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    network = on_int8_contract(workload, network)
    found: dict[str, NDArray[np.float32]] = {}

    def keeping(path: str) -> Any:
        values = parameters(network.activations[path])[:3]

        def change(tensor: tf.Tensor) -> tf.Tensor:
            rounded = fake_quantize(tensor, *map(tf.constant, map(float, values)))
            found[path] = rounded.numpy()
            return rounded

        return change

    model = realize(workload, network)
    places = [p for p in workload.places if p.site.path in network.activations]
    changes = {place.site.path: keeping(place.site.path) for place in places}
    at_inputs = wrap(model, places, changes)
    inputs = cast_inputs(model, [tf.constant(array) for array in x])
    entering = [at_inputs[i](a) if i in at_inputs else a for i, a in enumerate(inputs)]
    model(pack(model, entering), training=False)
    return found
