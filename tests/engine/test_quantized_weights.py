from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench.core.affine import encode, grid_of, quantize
from workbench.core.tensor import CompressedTensor
from workbench.engine.quantized_weights import QuantizedWeights


def weights_of(shape=(6, 4)):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def kernel_of(weights, bits, *, is_symmetric, channel_axes=(1,), shrink=1.0):
    """Weights under training, every third one pruned."""
    keep = np.arange(weights.size).reshape(weights.shape) % 3 > 0
    tensor = CompressedTensor.of(weights).masked(keep)
    grid = grid_of(
        np.asarray(tensor.dense * shrink, np.float32),
        bits,
        is_symmetric=is_symmetric,
        channel_axes=channel_axes,
    )
    code = encode(quantize(tensor.dense, grid), grid)
    kernel = QuantizedWeights(keras.Variable(weights), weights, tensor.coded(code))
    return kernel, code, keep


def slopes_of(kernel: QuantizedWeights, upstream: Any) -> list[Any]:
    return list(kernel.gradients(tf.constant(upstream), kernel.project()))


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("is_symmetric", [True, False])
@pytest.mark.parametrize("channel_axes", [(), (1,)])
def test_the_model_holds_the_tensor(bits, is_symmetric, channel_axes):
    kernel, code, keep = kernel_of(
        weights_of(), bits, is_symmetric=is_symmetric, channel_axes=channel_axes
    )
    kernel.project()
    for now in (np.array(kernel.variable), kernel.tensor().dense):
        np.testing.assert_allclose(now, code.decode() * keep, rtol=1e-6)
        assert not now[~keep].any()


def test_gradients_pass_within_the_grid_and_not_beyond():
    weights = weights_of()
    kernel, code, keep = kernel_of(weights, 3, is_symmetric=True, shrink=0.5)
    slope, _ = slopes_of(kernel, np.ones_like(weights))
    is_inside = np.abs(weights / code.scale) <= 3.5
    assert not is_inside[keep].all()
    assert np.array_equal(slope.numpy(), is_inside & keep)


@pytest.mark.parametrize("is_symmetric", [True, False])
@pytest.mark.parametrize("channel_axes", [(), (1,)])
def test_the_slope_of_the_scale_is_that_of_its_formula(is_symmetric, channel_axes):
    weights, upstream = weights_of(), weights_of()[::-1].copy()
    kernel, code, keep = kernel_of(
        weights, 3, is_symmetric=is_symmetric, channel_axes=channel_axes, shrink=0.6
    )
    _, slope = slopes_of(kernel, upstream)
    q = code.q - code.zero_point
    steps = np.where(keep, weights / code.scale, 0)
    each = np.where(np.abs(steps - q) <= 0.5, q - steps, q) * upstream * keep
    axes = tuple(a for a in (0, 1) if a not in channel_axes)
    expected = each.sum(axis=axes, keepdims=True) * code.scale
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)


def test_a_variable_that_the_loss_does_not_reach_has_no_slope():
    kernel, *_ = kernel_of(weights_of(), 4, is_symmetric=True)
    assert kernel.gradients(None, kernel.project()) == (None, None)


def test_a_pruned_weight_that_comes_back_is_a_mistake():
    kernel, *_ = kernel_of(weights_of(), 4, is_symmetric=True)
    kernel.check(np.zeros((6, 4), np.float32))
    with pytest.raises(AssertionError, match="came back"):
        kernel.check(np.ones((6, 4), np.float32))
