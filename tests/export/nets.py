"""A small random net with every operator that full int8 covers, and its network."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np

from workbench.core.compress import activation_grids, compress
from workbench.core.network import Network
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.engine.calibrator import Calibrator
from workbench.engine.workload import Workload, open_workload

L = keras.layers
SAMPLES = 1000


def build() -> keras.Model:
    """Convolutions of all kinds, BatchNorm with either sign, pooling, add, concat."""
    images = keras.Input((12, 12, 2), name="images")
    x = L.Rescaling(1 / 255, name="rescaling")(images)
    x = _after(L.Conv2D(8, 3, padding="same", use_bias=False, name="conv"), x)
    x = _after(L.DepthwiseConv2D(3, padding="same", name="depthwise"), x)
    skip = _after(L.Conv2D(8, 1, name="pointwise"), x)
    x = _after(L.SeparableConv2D(8, 3, padding="same", name="separable"), skip)
    x = L.Add(name="add")([x, skip])
    left = L.MaxPooling2D(2, name="largest")(x)
    right = L.AveragePooling2D(2, name="mean")(skip)
    x = L.Concatenate(name="joined")([left, right])
    x = L.Conv2DTranspose(6, 2, strides=2, activation="relu", name="transposed")(x)
    x = L.ZeroPadding2D(1, name="padded")(x)
    x = L.Flatten(name="flat")(x)
    x = L.Dense(24, activation="relu", name="dense")(x)
    return keras.Model(images, L.Dense(4, "softmax", name="scores")(x), name="small")


def _after(layer: keras.Layer, x: Any) -> Any:
    x = L.BatchNormalization(name=f"{layer.name}_norm")(layer(x))
    return L.ReLU(name=f"{layer.name}_relu")(x)


@cache
def workload() -> Workload:
    """The net with random weights and images; the labels are its own answers."""
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    model: Any = build()
    for layer in model.layers:
        if layer.name.endswith("_norm"):
            n = layer.gamma.shape[0]
            layer.gamma.assign(rng.choice([-1, 1], n) * rng.uniform(0.5, 2, n))
            layer.beta.assign(rng.normal(0, 0.3, n))
            layer.moving_mean.assign(rng.normal(0, 0.1, n))
            layer.moving_variance.assign(rng.uniform(0.05, 0.2, n))
    for variable in model.trainable_variables:
        if variable.name == "bias":
            variable.assign(rng.normal(0, 0.1, variable.shape))
    images = rng.integers(0, 256, (SAMPLES, 12, 12, 2)).astype(np.uint8)
    # Flat and rough pictures, so that answers differ.
    images = (images * rng.uniform(0, 1, (SAMPLES, 1, 1, 2))).astype(np.uint8)
    labels = model.predict(images, verbose=0).argmax(-1)
    return open_workload(model, (images, labels, images, labels))


@cache
def observed() -> Any:
    """What calibration saw."""
    calibrator = Calibrator(workload())
    for _ in calibrator.run(samples=256):
        continue
    return calibrator.seen


def recipe(*plans: Plan, activation_bits: int | None = None) -> Recipe:
    """A recipe of plans over uniform 8 bits."""
    activations = None
    if activation_bits is not None:
        activations = Choice.of("activations", bits=activation_bits)
    first = Plan("*", (Choice.of("uniform", bits=8),), activations)
    return Recipe((first, *plans))


def network(wish: Recipe) -> Network:
    """What the recipe makes of the net."""
    own = workload()
    grids = activation_grids(own.outputs, wish, observed())
    return compress(
        own.sites, own.weights, wish, digests=own.digests, activations=grids
    )
