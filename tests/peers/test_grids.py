"""Integers equal those of TensorFlow and Keras where these define the same grid.

A weight whose quotient lies within one ulp of a tie may fall on either side: the peers
multiply by a reciprocal, round half away from zero or nudge in another order. Such
weights are counted, printed, and let off; every other integer must be equal. At 16 bits
TensorFlow's three roundings on the way to the quotient (the difference to the lowest
grid point, the reciprocal, the product) are an ulp each, so that three are let off.
"""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench import demo
from workbench.core.affine import Grid, grid_between, grid_of, quantize
from workbench.core.model_file import glance

pytestmark = pytest.mark.peer

SIZES = {"demo": None, "large": (512, 300), "conv": (3, 3, 32, 64)}


def weights_of(name):
    if name == "demo":
        return glance(demo.paths("lenet")[0]).weights["dense_1/kernel"]
    rng = np.random.default_rng(len(name))
    return (rng.standard_t(4, SIZES[name]) * 0.05).astype(np.float32)


def is_near_tie(values, grid):
    """Whether a quotient lies within an ulp of a half, in float64; at 16 bits three.

    A peer works on ``w / scale`` after rounding it, and on a zero point added before
    rounding: an ulp is that of the largest number on the way.
    """
    quotient = values.astype(np.float64) / grid.scale
    distance = np.abs(np.abs(quotient - np.rint(quotient)) - 0.5)
    largest = np.maximum(np.abs(quotient), np.abs(quotient + grid.zero_point))
    ulps = 1 if grid.bits <= 8 else 3
    return distance <= ulps * np.spacing(largest.astype(np.float32))


def assert_equal_but_for_ties(ours, theirs, near, capsys, what):
    different = ours.astype(np.int64) != theirs
    with capsys.disabled():
        sys.stdout.write(
            f"\n{what}: {np.count_nonzero(different)} of {ours.size} differ, "
            f"{np.count_nonzero(near)} lie next to a tie"
        )
    assert not np.any(different & ~near)
    assert np.abs(ours.astype(np.int64) - theirs).max() <= 1


def integers(fake, low, scale):
    """The integers behind fake-quantized values, counted from the lowest one."""
    levels = (fake.astype(np.float64) - low) / scale
    found = np.rint(levels)
    assert np.abs(levels - found).max() < 1e-2
    return found.astype(np.int64)


@pytest.mark.parametrize("name", list(SIZES))
@pytest.mark.parametrize("bits", [2, 3, 4, 8, 16])
def test_asymmetric_per_tensor(name, bits, capsys):
    values = weights_of(name)
    grid = grid_of(values, bits, is_symmetric=False)
    fake = tf.quantization.fake_quant_with_min_max_vars(
        values, values.min(), values.max(), num_bits=bits
    ).numpy()
    scale = float(grid.scale.item())
    theirs = integers(fake, -scale * grid.zero_point.item(), scale)
    what = f"fake_quant_with_min_max_vars, {name}, {bits} bits"
    near = is_near_tie(values, grid)
    assert_equal_but_for_ties(quantize(values, grid), theirs, near, capsys, what)


@pytest.mark.parametrize("name", list(SIZES))
@pytest.mark.parametrize("bits", [2, 3, 4, 8, 16])
def test_asymmetric_per_channel(name, bits, capsys):
    values = weights_of(name)
    last = values.ndim - 1
    grid = grid_of(values, bits, is_symmetric=False, channel_axes=(last,))
    axes = tuple(range(last))
    fake = tf.quantization.fake_quant_with_min_max_vars_per_channel(
        values, values.min(axes), values.max(axes), num_bits=bits
    ).numpy()
    scale = grid.scale.astype(np.float64)
    theirs = integers(fake, -scale * grid.zero_point, scale)
    what = f"fake_quant_with_min_max_vars_per_channel, {name}, {bits} bits"
    near = is_near_tie(values, grid)
    assert_equal_but_for_ties(quantize(values, grid), theirs, near, capsys, what)


@pytest.mark.parametrize("name", list(SIZES))
@pytest.mark.parametrize("bits", [2, 3, 4, 8, 16])
def test_symmetric_is_the_narrow_range(name, bits, capsys):
    values = weights_of(name)
    last = values.ndim - 1
    grid = grid_of(values, bits, is_symmetric=True, channel_axes=(last,))
    most = np.abs(values).max(tuple(range(last)))
    fake = tf.quantization.fake_quant_with_min_max_vars_per_channel(
        values, -most, most, num_bits=bits, narrow_range=True
    ).numpy()
    scale = grid.scale.astype(np.float64)
    largest = grid.limits[1]
    theirs = integers(fake, -scale * largest, scale) - largest
    # TensorFlow counts from the lowest level: its zero point is the largest integer.
    shifted = Grid(grid.scale, np.full_like(grid.zero_point, largest), bits, True)
    near = is_near_tie(values, shifted)
    what = f"narrow range per channel, {name}, {bits} bits"
    assert_equal_but_for_ties(quantize(values, grid), theirs, near, capsys, what)


@pytest.mark.parametrize("name", list(SIZES))
def test_keras_abs_max(name, capsys):
    values = weights_of(name)
    last = values.ndim - 1
    axes = tuple(range(last))
    found, scale = keras.quantizers.abs_max_quantize(values, axes, to_numpy=True)
    # Keras divides by the largest weight plus a tiny number, on a grid of -127 to 127.
    ours = (1 / np.asarray(scale, np.float32)).astype(np.float32)
    symmetric = grid_of(values, 8, is_symmetric=True, channel_axes=(last,))
    np.testing.assert_allclose(
        ours.reshape(symmetric.scale.shape), symmetric.scale, 1e-5
    )
    grid = Grid(
        ours.reshape(symmetric.scale.shape),
        symmetric.zero_point,
        8,
        is_symmetric=True,
    )
    near = is_near_tie(values, grid)
    what = f"abs_max_quantize, {name}"
    theirs = np.asarray(found, np.int64)
    assert_equal_but_for_ties(quantize(values, grid), theirs, near, capsys, what)


def test_a_nudged_range_is_tensorflows():
    """The grid itself: TensorFlow's nudged ends are our grid points."""
    rng = np.random.default_rng(0)
    for bits in (4, 8, 16):
        for _ in range(20):
            low, high = -rng.uniform(0, 2), rng.uniform(0, 3)
            ends = np.array([low, high], np.float32)
            grid = grid_between(ends[:1], ends[1:], bits, is_symmetric=False)
            fake = tf.quantization.fake_quant_with_min_max_vars(
                np.array([-9, 9], np.float32), ends[0], ends[1], num_bits=bits
            ).numpy()
            largest = grid.limits[1]
            ours = (np.array([0, largest]) - grid.zero_point) * grid.scale
            np.testing.assert_allclose(fake, ours, rtol=1e-5, atol=1e-6)
