"""The uniform grid, by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.affine import (
    dequantize,
    encode,
    grid_between,
    grid_of,
    integer_type,
    limits,
    quantize,
    shrink_factors,
)

values_of = st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=60).map(
    lambda values: np.array(values, np.float32)
)


def test_limits_are_narrow_where_symmetric():
    assert limits(8, is_symmetric=True) == (-127, 127)
    assert limits(2, is_symmetric=True) == (-1, 1)
    assert limits(8, is_symmetric=False) == (0, 255)


@pytest.mark.parametrize(
    ("bits", "symmetric", "kind"),
    [(2, True, "int8"), (8, True, "int8"), (9, True, "int16"), (16, True, "int16"),
     (2, False, "uint8"), (8, False, "uint8"), (9, False, "uint16"),
     (16, False, "uint16")],
)  # fmt: skip
def test_integers_take_the_smallest_type(bits, symmetric, kind):
    assert np.dtype(integer_type(bits, is_symmetric=symmetric)) == kind
    smallest, largest = limits(bits, is_symmetric=symmetric)
    assert np.iinfo(kind).min <= smallest
    assert np.iinfo(kind).max >= largest


def test_a_symmetric_grid_by_hand():
    values = np.array([-0.3, 0.04, 0.06, 0.127], np.float32)
    grid = grid_of(values, 3, is_symmetric=True)
    assert grid.scale == np.float32(0.3) / np.float32(3)
    np.testing.assert_array_equal(quantize(values, grid), [-3, 0, 1, 1])
    np.testing.assert_array_equal(grid.zero_point, [0])


def test_an_asymmetric_grid_by_hand():
    values = np.array([-1.0, 0.0, 2.0], np.float32)
    grid = grid_of(values, 2, is_symmetric=False)
    assert grid.scale == 1
    assert grid.zero_point == 1
    np.testing.assert_array_equal(quantize(values, grid), [0, 1, 3])
    np.testing.assert_array_equal(dequantize(quantize(values, grid), grid), values)


@pytest.mark.parametrize("low", [0.5, 0.0])
def test_a_range_is_widened_to_hold_zero(low):
    values = np.array([low, 1.5], np.float32)
    grid = grid_of(values, 8, is_symmetric=False)
    assert grid.zero_point == 0
    assert grid.scale == np.float32(1.5) / np.float32(255)


def test_ties_go_to_even():
    grid = grid_between(np.float32([-7]), np.float32([7]), 4, is_symmetric=True)  # type: ignore[arg-type]
    values = np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32)
    np.testing.assert_array_equal(quantize(values, grid), [0, 2, 2, 0, -2])


def test_values_beyond_the_range_are_clipped():
    grid = grid_between(np.float32([-1]), np.float32([1]), 4, is_symmetric=False)  # type: ignore[arg-type]
    values = np.array([-9, 9, 3e38, -3e38], np.float32)
    np.testing.assert_array_equal(quantize(values, grid), [0, 15, 15, 0])


@pytest.mark.parametrize("symmetric", [True, False])
def test_empty_channels_have_a_scale_of_one(symmetric):
    values = np.zeros((3, 2), np.float32)
    values[:, 1] = [1, -1, 0.5]
    grid = grid_of(values, 4, is_symmetric=symmetric, channel_axes=(1,))
    assert grid.scale.shape == (1, 2)
    assert grid.scale[0, 0] == 1
    assert not dequantize(quantize(values, grid), grid)[:, 0].any()


def test_each_channel_has_its_own_scale():
    values = np.array([[1, 10], [-2, 5]], np.float32)
    columns = grid_of(values, 8, is_symmetric=True, channel_axes=(1,))
    rows = grid_of(values, 8, is_symmetric=True, channel_axes=(0,))
    np.testing.assert_array_equal(
        columns.scale, np.array([[2, 10]], np.float32) / np.float32(127)
    )
    np.testing.assert_array_equal(
        rows.scale, np.array([[10], [5]], np.float32) / np.float32(127)
    )


@settings(deadline=None)
@given(values=values_of, bits=st.integers(2, 16), symmetric=st.booleans())
def test_errors_stay_within_half_a_step(values, bits, symmetric):
    grid = grid_of(values, bits, is_symmetric=symmetric)
    found = dequantize(quantize(values, grid), grid)
    # The zero point is rounded too, which moves an asymmetric range by half a step.
    steps = 0.5 if symmetric else 1.0
    bound = float(grid.scale[0]) * steps * (1 + 2**-7) + 1e-7
    if grid.scale[0] != 1:
        assert np.abs(found - values).max() <= bound


@settings(deadline=None)
@given(values=values_of, bits=st.integers(2, 16), symmetric=st.booleans())
def test_zero_stays_zero_and_grid_points_stay(values, bits, symmetric):
    grid = grid_of(values, bits, is_symmetric=symmetric)
    assert not dequantize(quantize(np.zeros(3, np.float32), grid), grid).any()
    once = dequantize(quantize(values, grid), grid)
    np.testing.assert_array_equal(quantize(once, grid), quantize(values, grid))
    np.testing.assert_array_equal(encode(quantize(values, grid), grid).decode(), once)


@settings(deadline=None)
@given(values=values_of, bits=st.integers(2, 6), symmetric=st.booleans())
def test_least_error_is_least_among_the_shrunk_ranges(values, bits, symmetric):
    def error(grid):
        gap = dequantize(quantize(values, grid), grid) - values
        return np.square(gap, dtype=np.float64).sum()

    best = error(grid_of(values, bits, is_symmetric=symmetric, choice="mse"))
    low = np.minimum(values.min(keepdims=True), 0)
    high = np.maximum(values.max(keepdims=True), 0)
    tries = [
        error(grid_between(low * f, high * f, bits, is_symmetric=symmetric))
        for f in shrink_factors(bits)
    ]
    assert best == pytest.approx(min(tries), rel=1e-12, abs=0)


def test_least_error_helps_where_a_weight_stands_out():
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    values[0] = 12
    wide = grid_of(values, 3, is_symmetric=True)
    tight = grid_of(values, 3, is_symmetric=True, choice="mse")
    assert tight.scale[0] < 0.5 * wide.scale[0]


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_few_levels_may_leave_the_largest_weights_far_outside(bits, symmetric):
    values = np.random.default_rng(0).laplace(size=4000).astype(np.float32)
    values[0] = 60

    def error(grid):
        gap = dequantize(quantize(values, grid), grid) - values
        return np.square(gap, dtype=np.float64).mean()

    low, high = values.min(keepdims=True), values.max(keepdims=True)
    least = min(
        error(grid_between(low * f, high * f, bits, is_symmetric=symmetric))
        for f in np.linspace(0.2, 1, 41, dtype=np.float32)
    )
    found = error(grid_of(values, bits, is_symmetric=symmetric, choice="mse"))
    assert found <= least
    if bits == 2:
        assert found < 0.95 * least


def test_the_widest_weights_stay_within_float32():
    values = np.array([-3.4e38, 3.4e38, 1e38], np.float32)
    for symmetric in (True, False):
        grid = grid_of(values, 8, is_symmetric=symmetric)
        assert np.isfinite(dequantize(quantize(values, grid), grid)).all()
