"""What the workbench is compared with: the same by plain Keras."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.bench.arrays import seconds
from workbench.core.compress import compress

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from workbench.core.recipe import Recipe
    from workbench.engine.workload import Workload

BATCHES = (64, 128, 250, 500, 1000)


def bench_model(data: Path) -> keras.Model:
    """A plain CNN: convolutions of 32, 64, 64, dense 128 and 10.

    Args:
        data: The demo's pictures, on which it is trained for two epochs.
    """
    # First, as it keeps TensorFlow quiet.
    import_module("workbench.engine")
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    model: Any = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="conv_1"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu", name="conv_2"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu", name="conv_3"),
            layers.Flatten(),
            layers.Dense(128, activation="relu", name="dense_1"),
            layers.Dense(10, activation="softmax", name="dense_2"),
        ],
        name="bench",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    with np.load(data) as arrays:
        model.fit(
            arrays["x_train"], arrays["y_train"], batch_size=128, epochs=2, verbose=0
        )
    return model


class Baseline:
    """Compress, ``set_weights``, ``evaluate``, at its best batch size.

    Args:
        workload: The model and its data.
    """

    def __init__(self, workload: Workload) -> None:
        """Compile a copy and find the best batch size."""
        from workbench.engine.layers import clone, variables

        self._workload = workload
        self._model: Any = clone(workload.model)
        self._model.compile(
            loss="sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        self._places = list(variables(self._model))
        self._batch = BATCHES[0]
        self._batch = min(BATCHES, key=self._time_of)

    def run(self, recipe: Recipe) -> float:
        """Seconds from a recipe to the accuracy on all test samples."""
        return seconds(lambda: self._score(recipe))

    def _score(self, recipe: Recipe) -> None:
        workload = self._workload
        network = compress(
            workload.sites, workload.weights, recipe, digests=workload.digests
        )
        values = {path: tensor.dense for path, tensor in network.tensors.items()}
        values |= workload.others
        by_path = {path: values[path] for path in self._places}
        self._model.set_weights(_in_keras_order(self._model, by_path))
        test = workload.data.test
        assert test is not None, "The demo has test data."
        self._model.evaluate(test.x[0], test.y, batch_size=self._batch, verbose=0)

    def _time_of(self, batch: int) -> float:
        from workbench.core.recipe import Recipe

        self._batch = batch
        self._score(Recipe())
        return self.run(Recipe())


def _in_keras_order(model: Any, values: dict[str, Any]) -> list[Any]:
    """Values in the order that ``set_weights`` wants."""
    from workbench.engine.layers import variables

    by_variable = {id(v): values[path] for path, v in variables(model).items()}
    return [by_variable[id(v)] for v in model.weights if id(v) in by_variable]
