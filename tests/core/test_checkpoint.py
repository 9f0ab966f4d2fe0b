from dataclasses import replace

import numpy as np
import pytest

from workbench.core.affine import Grid
from workbench.core.checkpoint import from_arrays, to_arrays
from workbench.core.codes import Codebook, LowRank
from workbench.core.compress import compress
from workbench.core.edit import set_knobs
from workbench.core.measurement import Retrained
from workbench.core.network import Network, Skipped
from workbench.core.recipe import Recipe
from workbench.core.tensor import CompressedTensor, Site


@pytest.fixture
def retrained():
    rng = np.random.default_rng(0)
    weights = {
        "a/kernel": rng.normal(size=(7, 5)).astype(np.float32),
        "b/kernel": rng.normal(size=(3, 3, 2, 4)).astype(np.float32),
        "c/kernel": rng.normal(size=(4, 4)).astype(np.float32),
    }
    sites = [Site(p, "dense", w.shape, (w.ndim - 1,)) for p, w in weights.items()]
    recipe = set_knobs(Recipe(), "magnitude", "a/*", sparsity=0.6)
    recipe = set_knobs(recipe, "uniform", "a/*", bits=4)
    recipe = set_knobs(recipe, "uniform", "b/*", bits=7, symmetric=False)
    network = compress(sites, weights, recipe, digests={p: p for p in weights})
    grid = Grid(
        np.array([0.1], np.float32), np.array([3], np.int32), 8, is_symmetric=False
    )
    network = Network(
        network.tensors,
        network.digests,
        {"a/output": grid},
        (Skipped("c/kernel", "uniform", "doctor.not_float"),),
        {"a/bias": np.arange(5, dtype=np.float32), "seed": np.array([1, 2], np.uint32)},
    )
    return Retrained(network, weights, recipe, 3, 0.75)


def test_everything_comes_back_bit_for_bit(retrained):
    back = from_arrays(to_arrays(retrained))
    assert back.network.digest == retrained.network.digest
    assert (back.recipe, back.epoch, back.validation) == (retrained.recipe, 3, 0.75)
    for path, tensor in retrained.network.tensors.items():
        again = back.network.tensors[path]
        np.testing.assert_array_equal(again.dense, tensor.dense)
        np.testing.assert_array_equal(back.kernels[path], retrained.kernels[path])
        assert (again.mask is None) == (tensor.mask is None)
        if tensor.mask is not None:
            np.testing.assert_array_equal(again.mask, tensor.mask)
        assert type(again.code) is type(tensor.code)
        assert again.bits == tensor.bits
    assert back.network.skipped == retrained.network.skipped
    assert back.network.others is not None
    np.testing.assert_array_equal(back.network.others["seed"], [1, 2])


def test_a_missing_array_is_an_error(retrained):
    arrays = to_arrays(retrained)
    del arrays["mask:a/kernel"], arrays["q:b/kernel"]
    with pytest.raises(KeyError):
        from_arrays(arrays)


def test_tables_and_factors_come_back(retrained):
    rng = np.random.default_rng(1)
    table = Codebook(
        rng.integers(0, 4, (7, 5)).astype(np.uint8),
        rng.normal(size=(1, 5, 4)).astype(np.float32),
        bits=2,
    )
    first = CompressedTensor.of(rng.normal(size=(4, 2)).astype(np.float32))
    last = CompressedTensor.of(rng.normal(size=(2, 4)).astype(np.float32))
    pruned = last.masked(np.array([[True, False, True, True]] * 2))
    rank = LowRank((first, pruned), (4, 4))
    tensors = dict(retrained.network.tensors)
    tensors["a/kernel"] = CompressedTensor(table.decode(), None, table)
    tensors["c/kernel"] = CompressedTensor(rank.decode(), None, rank)
    network = replace(retrained.network, tensors=tensors)
    back = from_arrays(to_arrays(replace(retrained, network=network))).network
    for path in ("a/kernel", "c/kernel"):
        again = back.tensors[path]
        np.testing.assert_array_equal(again.dense, tensors[path].dense)
        np.testing.assert_array_equal(again.code.decode(), tensors[path].dense)
        assert again.bits == tensors[path].bits
    factors = back.tensors["c/kernel"].code
    assert isinstance(factors, LowRank)
    assert factors.factors[1].nonzeros == 6
