"""Tiny models of every form, with data, for tests of the whole chain.

Every model ends in a dense layer named ``head`` that is fitted to the data in closed
form, so that each scores far above chance without a training loop. Nothing that takes
a model changes it, so each is made once a process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from workbench.engine.model_loading import load_model

L = keras.layers
CLASSES = 3
TRAIN, TEST = 192, 96
KERAS_2_FILE = Path(__file__).parent / "keras2.h5"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Case:
    """A model with its data.

    Attributes:
        name: What form it shows.
        model: Fitted, and compiled with a loss.
        data: ``x_train``, ``y_train``, ``x_test``, ``y_test`` (``x_train_NAME`` for
            several inputs); labels are class numbers from 0 to 2: chance is 1/3.
    """

    name: str
    model: keras.Model
    data: Arrays


@cache
def case(name: str) -> Case:
    """One of `CASES`, made with fixed seeds."""
    build, data = CASES[name]
    keras.utils.set_random_seed(7)
    model, arrays = build(), data()
    if name != "keras2":
        _fit(model, arrays)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return Case(name, model, arrays)


def inputs(model: keras.Model, arrays: Arrays, split: str) -> Any:
    """The arrays of a split as the model is called with them."""
    if f"x_{split}" in arrays:
        return arrays[f"x_{split}"]
    return [arrays[f"x_{split}_{tensor.name}"] for tensor in model.inputs]


def predict(model: Any, x: Any) -> Any:
    """What plain Keras predicts."""
    return model.predict(x, verbose=0)


def accuracy(model: keras.Model, arrays: Arrays) -> float:
    """The test accuracy, by plain Keras."""
    scores = predict(model, inputs(model, arrays, "test"))
    return float((scores.argmax(-1) == arrays["y_test"]).mean())


def pictures() -> Arrays:
    """Three patterns of 8 x 8 with noise."""
    return _patterns((8, 8, 1))


def vectors() -> Arrays:
    """Three patterns of 12 numbers with noise."""
    return _patterns((12,))


def series() -> Arrays:
    """Three patterns of 6 steps of 4 numbers with noise."""
    return _patterns((6, 4))


def labelled_series() -> Arrays:
    """6 steps of 4 numbers, each step with a class of its own."""
    rng = np.random.default_rng(3)
    templates = rng.normal(size=(CLASSES, 4)).astype(np.float32)
    arrays: Arrays = {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        y = rng.integers(CLASSES, size=(n, 6))
        noise = rng.normal(scale=0.6, size=(n, 6, 4)).astype(np.float32)
        arrays |= {f"x_{split}": templates[y] + noise, f"y_{split}": y}
    return arrays


def words() -> Arrays:
    """7 numbers of words out of 12, each class with favourites."""
    rng = np.random.default_rng(4)
    chances = rng.dirichlet(np.full(12, 0.4), size=CLASSES)
    arrays: Arrays = {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        y = rng.integers(CLASSES, size=n)
        x = np.stack([rng.choice(12, size=7, p=chances[label]) for label in y])
        arrays |= {f"x_{split}": x.astype(np.int32), f"y_{split}": y}
    return arrays


def pairs() -> Arrays:
    """Two inputs, ``left`` of 12 and ``right`` of 5 numbers, that belong together."""
    rng = np.random.default_rng(5)
    sizes = {"left": 12, "right": 5}
    templates = {k: rng.normal(size=(CLASSES, n)) for k, n in sizes.items()}
    arrays: Arrays = {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        y = rng.integers(CLASSES, size=n)
        arrays[f"y_{split}"] = y
        for key, size in sizes.items():
            x = templates[key][y] + rng.normal(size=(n, size))
            arrays[f"x_{split}_{key}"] = x.astype(np.float32)
    return arrays


def _patterns(shape: tuple[int, ...]) -> Arrays:
    rng = np.random.default_rng(2)
    templates = rng.normal(size=(CLASSES, *shape)).astype(np.float32)
    arrays: Arrays = {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        y = rng.integers(CLASSES, size=n)
        noise = rng.normal(size=(n, *shape)).astype(np.float32)
        arrays |= {f"x_{split}": templates[y] + noise, f"y_{split}": y}
    return arrays


def dense() -> keras.Model:
    """A plain sequential model."""
    return keras.Sequential(
        [keras.Input((12,), name="numbers"), L.Dense(8, "relu", name="hidden"), head()]
    )


def nested() -> keras.Model:
    """Models within a model, two deep."""
    inner = keras.Sequential(
        [keras.Input((8, 8, 1)), L.Conv2D(3, 3, activation="relu", name="conv")],
        name="inner",
    )
    x = keras.Input((8, 8, 1))
    y = L.MaxPooling2D(name="pool")(inner(x))
    outer = keras.Model(x, L.Flatten(name="flat")(y), name="outer")
    x = keras.Input((8, 8, 1), name="picture")
    y = L.Dense(6, "relu", name="hidden")(outer(x))
    return keras.Model(x, head()(y))


def shared() -> keras.Model:
    """One layer and one model that are each called twice."""
    x = keras.Input((12,), name="numbers")
    twice = L.Dense(12, "relu", name="twice")
    tower = keras.Sequential(
        [keras.Input((12,)), L.Dense(5, "relu", name="floor")], name="tower"
    )
    y = twice(x)
    parts = [tower(y), tower(twice(y))]
    return keras.Model(x, head()(L.Concatenate(name="both")(parts)))


def residual() -> keras.Model:
    """A convolution with BatchNorm that is added to its input."""
    x = keras.Input((8, 8, 1), name="picture")
    start = L.Conv2D(4, 3, padding="same", activation="relu", name="stem")(x)
    y = L.Conv2D(4, 3, padding="same", use_bias=False, name="conv")(start)
    y = L.BatchNormalization(name="norm")(y)
    y = L.ReLU(name="relu")(L.Add(name="add")([start, y]))
    y = L.Flatten(name="flat")(L.AveragePooling2D(4, name="pool")(y))
    return keras.Model(x, head()(y))


def bidirectional() -> keras.Model:
    """An LSTM that reads both ways."""
    x = keras.Input((6, 4), name="steps")
    y = L.Bidirectional(L.LSTM(4, name="lstm"), name="both_ways")(x)
    return keras.Model(x, head()(y))


def two_inputs() -> keras.Model:
    """Two inputs with a branch each."""
    left, right = keras.Input((12,), name="left"), keras.Input((5,), name="right")
    parts = [
        L.Dense(6, "relu", name="dense_left")(left),
        L.Dense(4, "relu", name="dense_right")(right),
    ]
    return keras.Model([left, right], head()(L.Concatenate(name="join")(parts)))


def sequence() -> keras.Model:
    """A class for every step."""
    x = keras.Input((6, 4), name="steps")
    y = L.LSTM(6, return_sequences=True, name="lstm")(x)
    return keras.Model(x, head()(y))


@keras.saving.register_keras_serializable(package="chain")
class Block(keras.layers.Layer):
    """A layer of two dense ones, whose names Keras makes up."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.first = L.Dense(units, "relu")
        self.second = L.Dense(units)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.first.build(input_shape)
        self.second.build((*input_shape[:-1], self.units))
        self.built = True

    def call(self, x: Any) -> Any:
        return keras.ops.relu(self.second(self.first(x)))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}


@keras.saving.register_keras_serializable(package="chain")
class Subclassed(keras.Model):
    """A model without a graph."""

    def __init__(self, units: int = 6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.block = Block(units, name="block")
        self.middle = L.Dense(units, "relu")
        self.head = head()

    def call(self, x: Any) -> Any:
        return self.head(self.middle(self.block(x)))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}


def subclassed() -> keras.Model:
    """A subclassed model, built."""
    model = Subclassed(name="subclassed")
    model(np.zeros((1, 12), np.float32))
    return model


def gru() -> keras.Model:
    """A GRU, whose bias has two axes."""
    x = keras.Input((6, 4), name="steps")
    return keras.Model(x, head()(L.GRU(6, name="gru")(x)))


def separable() -> keras.Model:
    """Depthwise and separable convolutions with BatchNorm and ReLU6."""
    x = keras.Input((8, 8, 1), name="picture")
    y = L.SeparableConv2D(4, 3, use_bias=False, name="separable")(x)
    y = L.BatchNormalization(name="norm")(y)
    y = L.ReLU(6.0, name="relu")(y)
    y = L.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(y)
    y = L.Activation("relu6", name="relu6")(y)
    return keras.Model(x, head()(L.Flatten(name="flat")(y)))


def conv1d() -> keras.Model:
    """Convolutions along one axis."""
    x = keras.Input((6, 4), name="steps")
    y = L.Conv1D(5, 3, activation="relu", padding="causal", name="conv")(x)
    y = L.Conv1D(4, 2, activation="relu", name="conv_2")(y)
    return keras.Model(x, head()(L.Flatten(name="flat")(y)))


def embedding() -> keras.Model:
    """Words as rows of a table."""
    x = keras.Input((7,), dtype="int32", name="words")
    y = L.Embedding(12, 5, name="table")(x)
    y = L.GlobalAveragePooling1D(name="mean")(y)
    return keras.Model(x, head()(y))


def attention() -> keras.Model:
    """Attention of two heads, whose kernels have three axes."""
    x = keras.Input((6, 4), name="steps")
    y = L.MultiHeadAttention(2, 3, name="attention")(x, x)
    y = L.LayerNormalization(name="norm")(L.Add(name="add")([x, y]))
    return keras.Model(x, head()(L.Flatten(name="flat")(y)))


def transposed() -> keras.Model:
    """A transposed convolution, whose output axis is not the last."""
    x = keras.Input((8, 8, 1), name="picture")
    y = L.Conv2D(3, 3, strides=2, activation="relu", name="down")(x)
    y = L.Conv2DTranspose(4, 3, strides=2, activation="relu", name="up")(y)
    return keras.Model(x, head()(L.Flatten(name="flat")(y)))


def frozen() -> keras.Model:
    """A first layer that is not trained."""
    x = keras.Input((12,), name="numbers")
    y = L.Dense(8, "relu", trainable=False, name="fixed")(x)
    y = L.Dense(6, "relu", name="hidden")(y)
    return keras.Model(x, head()(y))


def half() -> keras.Model:
    """Weights of float32 that compute in float16."""
    x = keras.Input((12,), name="numbers")
    y = L.Dense(8, "relu", dtype="mixed_float16", name="hidden")(x)
    return keras.Model(x, head()(y))


def keras2() -> keras.Model:
    """A model that Keras 2 saved and Keras 3 alone does not open: `make_keras2`."""
    return load_model(KERAS_2_FILE)


def head() -> keras.layers.Layer:
    """The last layer of every model."""
    return L.Dense(CLASSES, "softmax", name="head")


def _fit(model: keras.Model, arrays: Arrays) -> None:
    """Set the head to the least-squares fit of the classes on what enters it."""
    head = model.get_layer("head")
    seen: list[NDArray[Any]] = []
    call = head.call

    def spy(x: Any, **kwargs: Any) -> Any:
        seen.append(x.numpy().astype(np.float64))
        return call(x, **kwargs)

    head.call = spy
    x = inputs(model, arrays, "train")
    model(x if isinstance(x, list) else keras.ops.convert_to_tensor(x), training=False)
    head.call = call
    features = seen[0].reshape(-1, seen[0].shape[-1])
    ones = np.ones((len(features), 1))
    wanted = np.eye(CLASSES)[arrays["y_train"].reshape(-1)]
    design = np.hstack([features, ones])
    square = design.T @ design + np.eye(design.shape[1])
    solution = 6.0 * np.linalg.solve(square, design.T @ wanted)
    head.set_weights([solution[:-1], solution[-1]])


CASES: dict[str, tuple[Callable[[], keras.Model], Callable[[], Arrays]]] = {
    "dense": (dense, vectors),
    "nested": (nested, pictures),
    "shared": (shared, vectors),
    "residual": (residual, pictures),
    "bidirectional": (bidirectional, series),
    "two_inputs": (two_inputs, pairs),
    "sequence": (sequence, labelled_series),
    "subclassed": (subclassed, vectors),
    "gru": (gru, series),
    "separable": (separable, pictures),
    "conv1d": (conv1d, series),
    "embedding": (embedding, words),
    "attention": (attention, series),
    "transposed": (transposed, pictures),
    "frozen": (frozen, vectors),
    "half": (half, vectors),
    "keras2": (keras2, pictures),
}
