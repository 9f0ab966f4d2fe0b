"""Block sparsity: which blocks go, alone and over all tensors."""

import numpy as np
import pytest

from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.block import Block


def weights(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def kept(step, values, kind="dense", axes=(1,)):
    site = Site("a/kernel", kind, values.shape, axes)
    tensor = step.apply(CompressedTensor.of(values), site)
    return np.ones(values.shape, bool) if tensor.mask is None else tensor.mask


@pytest.mark.parametrize("shape", ["4x1", "1x4", "4x4", "16x1"])
def test_the_weakest_blocks_go_whole(shape):
    inputs, outputs = map(int, shape.split("x"))
    values = weights(32, 16)
    mask = kept(Block(sparsity=0.75, shape=shape, scope="tensor"), values)
    blocks = values.reshape(32 // inputs, inputs, 16 // outputs, outputs)
    energies = np.square(blocks).sum(axis=(1, 3))
    whole = mask.reshape(blocks.shape).swapaxes(1, 2).reshape(*energies.shape, -1)
    assert (whole.all(axis=2) == whole.any(axis=2)).all()
    assert np.count_nonzero(~mask) == 0.75 * values.size
    assert energies[~whole[..., 0]].max() < energies[whole[..., 0]].min()


def test_a_convolution_is_a_matrix_of_window_and_channel_by_output():
    values = weights(3, 3, 4, 8)
    step = Block(sparsity=0.5, shape="4x4", scope="tensor")
    mask = kept(step, values, "conv", (3,))
    np.testing.assert_array_equal(
        mask.reshape(36, 8), kept(step, values.reshape(36, 8))
    )


def test_blocks_that_are_cut_off_count_by_what_is_left_of_them():
    values = np.array([1, 1, 1, 1, 1.5], np.float32)[:, None]
    mask = kept(Block(sparsity=0.8, shape="4x1", scope="tensor"), values)
    assert mask[:, 0].tolist() == [False] * 4 + [True]


@pytest.mark.parametrize(("sparsity", "pruned"), [(0.05, 0), (0.1, 4), (0.62, 20)])
def test_the_nearest_number_of_blocks_is_pruned(sparsity, pruned):
    mask = kept(Block(sparsity=sparsity, scope="tensor"), weights(32, 1))
    assert np.count_nonzero(~mask) == pruned


def pooled(values, sparsity):
    sites = [Site(name, "dense", v.shape, (1,)) for name, v in values.items()]
    recipe = Recipe((Plan("*", (Choice.of("block", sparsity=sparsity, shape="4x1"),)),))
    return compress(sites, values, recipe, digests={name: name for name in values})


def test_one_threshold_over_shares_of_energy():
    values = {"a": weights(40, 10), "b": 50 * weights(8, 5, seed=1)}
    scores = {}
    for name, kernel in values.items():
        energies = np.sort(
            np.square(kernel).reshape(-1, 4, kernel.shape[1]).sum(1), None
        )
        scores[name] = energies / np.cumsum(energies[::-1])[::-1]
    cut = np.sort(np.concatenate(list(scores.values())))[88]
    network = pooled(values, 0.8)
    for name, tensor in network.tensors.items():
        pruned = tensor.dense.size - tensor.nonzeros
        assert pruned == 4 * np.count_nonzero(scores[name] < cut)


def test_scale_does_not_matter_and_each_tensor_keeps_a_block():
    values = {"a": weights(40, 10), "b": weights(8, 5, seed=1)}
    plain = pooled(values, 0.999)
    scaled = pooled(values | {"b": values["b"] * np.float32(2**30)}, 0.999)
    for name in values:
        assert plain.tensors[name].nonzeros == 4
        np.testing.assert_array_equal(
            plain.tensors[name].mask, scaled.tensors[name].mask
        )


def test_a_small_matrix_is_refused_with_the_reason():
    step = Block(shape="4x4")
    assert step.refuses(Site("a", "dense", (4, 3), (1,))) == "pattern.small_matrix"
    assert step.refuses(Site("a", "dense", (3, 4), (1,))) == "pattern.small_matrix"
    assert step.refuses(Site("a", "dense", (4, 4), (1,))) is None
    assert step.refuses(Site("a", "depthwise", (3, 3, 8, 1), (2, 3))) is not None
