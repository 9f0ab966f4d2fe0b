"""Tiny models of every form, each with a last layer named ``head``; not trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from tests.chain.data import CLASSES
from workbench.engine.model_loading import load_model

L = keras.layers
KERAS_2_FILE = Path(__file__).parent / "keras2.h5"


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
