"""Uniform quantization of weights and the tutorial's mistake beside it."""

import numpy as np

from workbench.core.codes import Affine
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.step_of_bits import StepOfBits
from workbench.methods.uniform import Uniform

SITE = Site("a/kernel", "dense", (20, 4), (1,))
VALUES = np.random.default_rng(0).normal(0, 0.1, (20, 4)).astype(np.float32)


def code_of(step, values=VALUES, site=SITE) -> Affine:
    code = step.apply(CompressedTensor.of(values), site).code
    assert isinstance(code, Affine)
    return code


def test_scales_per_channel_and_per_tensor():
    assert code_of(Uniform()).scale.shape == (1, 4)
    assert code_of(Uniform(granularity="tensor")).scale.shape == (1, 1)
    embedding = Site("e", "embedding", (20, 4), (0,))
    assert code_of(Uniform(), site=embedding).scale.shape == (20, 1)


def test_the_largest_weight_of_a_channel_is_on_the_grid():
    tensor = Uniform(bits=4).apply(CompressedTensor.of(VALUES), SITE)
    largest = np.abs(VALUES).max(axis=0)
    np.testing.assert_allclose(np.abs(tensor.dense).max(axis=0), largest, rtol=1e-6)
    assert isinstance(tensor.code, Affine)
    assert np.abs(tensor.code.q).max() == 7


def test_pruned_weights_stay_zero_on_an_asymmetric_grid():
    values = VALUES + np.float32(0.5)
    keep = np.random.default_rng(1).random(values.shape) > 0.5
    pruned = CompressedTensor.of(values).masked(keep)
    tensor = Uniform(bits=3, symmetric=False).apply(pruned, SITE)
    assert not tensor.dense[~keep].any()
    np.testing.assert_array_equal(tensor.mask, keep)


def test_more_bits_have_a_smaller_error():
    errors = [
        np.abs(
            Uniform(bits=bits).apply(CompressedTensor.of(VALUES), SITE).dense - VALUES
        ).max()
        for bits in range(2, 17)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-5


def test_least_error_beats_min_max_at_two_bits():
    def error(spread):
        step = Uniform(bits=2, range=spread)
        dense = step.apply(CompressedTensor.of(VALUES), SITE).dense
        return np.square(dense - VALUES).sum()

    assert error("mse") < error("minmax")


def test_the_step_of_bits_loses_every_weight():
    tensor = StepOfBits(bits=4).apply(CompressedTensor.of(VALUES), SITE)
    assert tensor.sparsity == 1.0
