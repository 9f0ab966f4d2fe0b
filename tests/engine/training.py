"""A small net, data for it, and what a retraining of it comes to."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from workbench.core.affine import Grid
from workbench.core.compress import compress
from workbench.core.measurement import Progress, Retrained
from workbench.core.network import Network
from workbench.core.recipe import Choice, Plan, Recipe, Retraining
from workbench.core.tensor import CompressedTensor
from workbench.engine.trainer import Trainer
from workbench.engine.workload import Workload, open_workload

L = keras.layers
QUICK = Retraining(epochs=2, learning_rate=0.01, batch_size=16)
MANY = Retraining(epochs=8, learning_rate=0.02, batch_size=16)


def blobs(samples):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, samples).astype(np.int32)
    x = rng.normal(size=(samples, 6)).astype(np.float32)
    x[np.arange(samples), y] += 4
    return x, y


def net(trainable=True):
    keras.utils.set_random_seed(1)
    given = keras.Input((6,), name="given")
    x = L.Dense(8, name="first", trainable=trainable, kernel_regularizer="l2")(given)
    x = L.BatchNormalization(name="norm")(x)
    x = L.Dropout(0.2)(L.ReLU(activity_regularizer=keras.regularizers.L2(1e-4))(x))
    return keras.Model(given, L.Dense(3, "softmax", name="last")(x))


def fitted(model):
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.learning_rate = 0.02
    model.fit(*blobs(160), batch_size=16, epochs=8, verbose=0)
    return model


def workload_of(model, **options):
    x, y = blobs(192)
    return open_workload(model, (x[:160], y[:160], x[160:], y[160:]), **options)


def recipe_of(sparsity=0.5, **quantizer):
    steps = [Choice.of("magnitude", sparsity=sparsity, scope="tensor")]
    if quantizer:
        steps.append(Choice.of("uniform", **quantizer))
    return Recipe((Plan("*", tuple(steps)),))


def network_of(workload: Workload, recipe: Recipe, **options: Any) -> Network:
    digests = workload.digests
    return compress(
        workload.sites, workload.weights, recipe, digests=digests, **options
    )


def retrain(
    workload: Workload,
    recipe: Recipe,
    retraining: Retraining = QUICK,
    activations: dict[str, Grid] | None = None,
    **options: Any,
) -> list[Progress]:
    network = network_of(workload, recipe, activations=activations)
    return list(Trainer(workload).run(network, retraining, recipe=recipe, **options))


def best(said: list[Progress]) -> Retrained:
    assert said[-1].best is not None
    return said[-1].best


def mask(tensor: CompressedTensor) -> NDArray[np.bool_]:
    assert tensor.mask is not None
    return tensor.mask


def others(retrained: Retrained) -> Any:
    assert retrained.network.others is not None
    return retrained.network.others
