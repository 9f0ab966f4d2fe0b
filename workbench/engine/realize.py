"""From a network to a plain Keras model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.engine.layers import clone, variables

if TYPE_CHECKING:
    import keras

    from workbench.core.network import Network
    from workbench.engine.workload import Workload


def realize(workload: Workload, network: Network) -> keras.Model:
    """A fresh Keras model with the values of a network.

    It is built of the user's layers alone, so its file opens in plain Keras. Weights
    are there as floats on their grids; quantization of activations is not part of it.

    Args:
        workload: Where the model comes from; it is not changed.
        network: Its kernels, and its other variables where they are not the original's.

    Returns:
        The model, not compiled.
    """
    model = clone(workload.model)
    places = variables(model)
    for path, tensor in network.tensors.items():
        places[path].assign(tensor.dense)
    for path, values in (network.others or {}).items():
        places[path].assign(values)
    return model
