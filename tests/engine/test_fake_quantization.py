"""Fake quantization of activations against NumPy and against TensorFlow's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.chain.models import case
from workbench.core.affine import Grid, dequantize, grid_between, quantize
from workbench.engine.fake_quantization import (
    QuantizedActivations,
    fake_quantize,
    parameters,
    straight_through,
)
from workbench.engine.layers import clone
from workbench.engine.outputs import places

L = keras.layers
RANGES = [(0.0, 6.0), (-1.3, 2.9), (-4.0, 0.0), (-1e-3, 1e-2)]


def grid_of(low: float, high: float, bits: int) -> Grid:
    ends = np.array(low, np.float32), np.array(high, np.float32)
    return grid_between(*ends, bits, is_symmetric=False)


def values(low: float, high: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    wide = rng.uniform(2 * low - high, 2 * high - low, 20_000)
    near = rng.uniform(low, high, 20_000)
    return np.concatenate([wide, near, [0, low, high]]).astype(np.float32)


@pytest.mark.parametrize("bits", [4, 5, 8, 12, 16])
@pytest.mark.parametrize(("low", "high"), RANGES)
def test_it_is_the_grid_of_the_core(low: float, high: float, bits: int) -> None:
    x = values(low, high)
    grid = grid_of(low, high, bits)
    scale, first, last, _ = parameters(grid)
    ours = fake_quantize(tf.constant(x), scale, first, last).numpy()
    assert np.array_equal(ours, dequantize(quantize(x, grid), grid))


@pytest.mark.peer
@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize(("low", "high"), RANGES)
def test_tensorflow_rounds_to_the_same_grid(low: float, high: float, bits: int) -> None:
    x = values(low, high)
    grid = grid_of(low, high, bits)
    scale, first, last, _ = parameters(grid)
    ours = fake_quantize(tf.constant(x), scale, first, last).numpy()
    theirs = tf.quantization.fake_quant_with_min_max_vars(x, low, high, bits).numpy()
    # Both may round a tie, or what lies within float error of one, either way.
    steps = x.astype(np.float64) / scale
    gap = np.abs(steps - np.floor(steps) - 0.5)
    is_clear = gap > 4 * np.finfo(np.float32).eps * np.maximum(np.abs(steps), 2**bits)
    tolerance = 2e-6 * max(abs(low), abs(high)) + 1e-9
    assert np.max(np.abs(ours - theirs)[is_clear]) <= tolerance
    assert is_clear.mean() > 0.9


def test_gradients_pass_straight_through_within_the_range() -> None:
    x = tf.constant([-1.0, -0.04, 0.0, 0.3, 1.49, 1.51, 1.7])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = straight_through(x, 0.1, 0.0, 15.0)
    expected = [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    assert np.array(tape.gradient(y, x)).tolist() == expected


def test_switched_off_it_changes_nothing() -> None:
    model = clone(case("nested").model)
    x = case("nested").data["x_test"][:8]
    plain = model(x, training=False).numpy()
    quantized = QuantizedActivations(model, places(model))
    run = tf.function(lambda a: model(*quantized.inputs([a]), training=False))
    assert np.array_equal(run(tf.constant(x)).numpy(), plain)


def test_every_place_is_rounded() -> None:
    model = keras.Sequential(
        [
            keras.Input((3,), name="x"),
            L.Dense(4, "relu", name="a"),
            L.Dense(2, name="b"),
        ]
    )
    copy = clone(model)
    quantized = QuantizedActivations(copy, places(model))
    grid = grid_of(-2, 3, 4)
    x = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)

    def rounded(values: np.ndarray) -> np.ndarray:
        return dequantize(quantize(values, grid), grid)

    traces = []

    @tf.function
    def run(a: tf.Tensor) -> tf.Tensor:
        traces.append(a)
        return copy(*quantized.inputs([a]), training=False)

    before = run(tf.constant(x)).numpy()
    quantized.load({"x/input": grid, "a/output": grid, "b/output": grid})
    first, second = model.layers
    hidden = rounded(np.array(first(rounded(x))))
    assert np.allclose(run(tf.constant(x)), rounded(np.array(second(hidden))))
    quantized.load({"a/output": grid})
    hidden = rounded(np.array(first(x)))
    assert np.allclose(run(tf.constant(x)), np.array(second(hidden)), atol=1e-6)
    quantized.load({})
    assert np.array_equal(run(tf.constant(x)), before)
    assert len(traces) == 1


def test_half_precision_stays_half() -> None:
    model = clone(case("half").model)
    x = case("half").data["x_test"][:8]
    plain = model(x, training=False)
    quantized = QuantizedActivations(model, places(model))
    grid = grid_of(-20, 20, 16)
    quantized.load({place.site.path: grid for place in places(model)})
    fine = model(*quantized.inputs([tf.constant(x)]), training=False)
    assert fine.dtype == plain.dtype
    assert np.allclose(fine, plain, atol=0.01)
