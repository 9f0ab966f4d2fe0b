"""Sizes follow their definitions, checked against coders written out step by step."""

import math

import numpy as np
import pytest

from workbench.core.activations import OutputSite
from workbench.core.affine import Grid, encode, grid_of, quantize
from workbench.core.codes import Codebook, Float, LowRank
from workbench.core.cost import break_even, sizes, tensor_sizes
from workbench.core.network import Network
from workbench.core.tensor import CompressedTensor, Site
from workbench.core.work import work
from workbench.methods.clustering import Clustering


def sparse(shape, sparsity, bits=None, *, symmetric=True, axes=()):
    """A tensor of normal weights, pruned at random, quantized where bits are given."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=shape).astype(np.float32)
    tensor = CompressedTensor.of(values).masked(rng.random(shape) >= sparsity)
    if bits is None:
        return tensor
    grid = grid_of(tensor.dense, bits, is_symmetric=symmetric, channel_axes=axes)
    return tensor.coded(encode(quantize(tensor.dense, grid), grid))


def grid_of_one(scale, zero_point, bits):
    return Grid(
        np.array([scale], np.float32),
        np.array([zero_point], np.int32),
        bits,
        is_symmetric=zero_point == 0,
    )


def relative_bits(dense, bits):
    """Write the entries out one by one, as Deep Compression does, for each width."""
    totals = []
    for width in range(1, 17):
        entries, gap = 0, 0
        for value in dense.ravel():
            if value != 0 or gap == 2**width - 1:
                entries, gap = entries + 1, 0
            else:
                gap += 1
        # Fillers behind the last weight say nothing.
        tail = dense.size - 1 - np.flatnonzero(dense)[-1] if dense.any() else dense.size
        entries -= tail // 2**width
        totals.append(entries * (bits + width))
    return min(totals)


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9, 0.99, 1.0])
def test_formulas(sparsity):
    tensor = sparse((40, 30), sparsity, bits=4, axes=(1,))
    kept = np.count_nonzero(tensor.dense)
    tables = 30 * 32
    found = tensor_sizes(tensor)
    assert found.weights == 1200
    assert found.nonzeros == kept
    assert found.bits == 4
    assert found.float32 == 4800
    assert found.dense == (1200 * 4 + tables) // 8
    assert found.bitmask == math.ceil((1200 + kept * 4 + tables) / 8)
    assert found.csr == math.ceil((kept * (4 + 16) + 32 * 41 + tables) / 8)
    assert found.relative == math.ceil((relative_bits(tensor.dense, 4) + tables) / 8)


@pytest.mark.parametrize("seed", range(5))
def test_the_relative_index_is_what_a_coder_writes(seed):
    dense = np.zeros(3000, np.float32)
    rng = np.random.default_rng(seed)
    dense[rng.choice(3000, rng.integers(1, 40), replace=False)] = 1
    found = tensor_sizes(CompressedTensor(dense, dense != 0, Float(dense)))
    assert found.relative == math.ceil(relative_bits(dense, 32) / 8)


def test_wide_rows_need_long_columns():
    dense = np.zeros((1, 70000), np.float32)
    dense[0, 69999] = 1
    found = tensor_sizes(CompressedTensor(dense, None, Float(dense)))
    assert found.csr == (32 + 32 + 32 * 2) // 8


def test_entropy_is_that_of_places_and_values():
    q = np.repeat(np.array([0, 1, -1, 2], np.int32), [800, 100, 50, 50])
    grid = grid_of_one(0.5, 0, 4)
    code = encode(q, grid)
    found = tensor_sizes(CompressedTensor(code.decode(), None, code))
    where = -1000 * (0.8 * math.log2(0.8) + 0.2 * math.log2(0.2))
    values = 200 * 1.5
    assert found.entropy == math.ceil((where + values + 3 * 16 + 32) / 8)


def test_entropy_of_floats_counts_their_32_bits():
    tensor = sparse((10, 10), 0.5)
    p = tensor.nonzeros / 100
    where = -100 * (p * math.log2(p) + (1 - p) * math.log2(1 - p))
    expected = math.ceil((where + 32 * tensor.nonzeros) / 8)
    assert tensor_sizes(tensor).entropy == expected


def test_a_zero_point_is_stored_and_its_weights_count_as_zeros():
    tensor = sparse((40, 30), 0.5, bits=4, symmetric=False, axes=(1,))
    found = tensor_sizes(tensor)
    assert found.dense == (1200 * 4 + 30 * 36) // 8
    assert found.nonzeros == np.count_nonzero(tensor.dense) < 600


@pytest.mark.parametrize("shape", [(), (0, 3), (1, 1)])
def test_small_and_empty_tensors_have_a_size(shape):
    tensor = CompressedTensor.of(np.zeros(shape, np.float32))
    found = tensor_sizes(tensor)
    assert found.float32 == 4 * math.prod(shape)
    assert found.relative == found.entropy == 0


def test_nothing_pruned_is_stored_dense_and_much_pruned_is_not():
    dense = tensor_sizes(sparse((100, 100), 0, bits=8))
    assert (dense.encoding, dense.packed) == ("dense", dense.dense)
    thin = tensor_sizes(sparse((100, 100), 0.99, bits=4))
    assert thin.encoding == "relative"
    half = tensor_sizes(sparse((100, 100), 0.5, bits=8))
    assert half.encoding == "bitmask"
    assert half.packed < half.dense


def codebook(shape, sparsity, entries):
    rng = np.random.default_rng(1)
    indexes = rng.integers(0, entries, shape).astype(np.uint8)
    centroids = rng.normal(size=(*(1,) * (len(shape) - 1), shape[-1], entries))
    code = Codebook(indexes, centroids.astype(np.float32), bits=3)
    keep = rng.random(shape) >= sparsity
    return CompressedTensor.of(np.zeros(shape, np.float32)).masked(keep).coded(code)


def test_a_codebook_is_indexes_and_a_table_of_floats():
    tensor = codebook((40, 30), 0.5, 5)
    found, kept = tensor_sizes(tensor), tensor.nonzeros
    tables = 30 * 5 * 32
    assert found.bits == 3
    assert found.dense == (1200 * 3 + tables) // 8
    assert found.bitmask == math.ceil((1200 + kept * 3 + tables) / 8)
    p = kept / 1200
    where = -1200 * (p * math.log2(p) + (1 - p) * math.log2(1 - p))
    assert isinstance(tensor.code, Codebook)
    shares = np.bincount(tensor.code.indexes[tensor.dense != 0]) / kept
    values = -kept * (shares * np.log2(shares)).sum()
    expected = math.ceil((where + values + 5 * 16 + tables) / 8)
    assert found.entropy == expected


def test_a_product_takes_what_its_factors_take():
    first, last = sparse((40, 5), 0.95, bits=4), sparse((5, 30), 0, bits=8)
    code = LowRank((first, last), (40, 30))
    tensor = CompressedTensor(code.decode(), None, code)
    found = tensor_sizes(tensor)
    parts = [tensor_sizes(first), tensor_sizes(last)]
    assert (found.weights, found.float32, found.bits) == (1200, 4800, 8)
    for name in ("dense", "bitmask", "relative", "csr", "entropy", "packed"):
        assert getattr(found, name) == sum(getattr(part, name) for part in parts)
    assert found.nonzeros == first.nonzeros + last.nonzeros
    assert found.packed < min(found.dense, found.bitmask, found.relative, found.csr)
    net = Network({"a": tensor}, {"a": ""})
    done = work((Site("a", "dense", (40, 30), (1,), macs=1200),), net)
    assert done.macs.value == pytest.approx(350)
    assert done.kept_macs.value == pytest.approx(found.nonzeros)
    assert done.bops.value == pytest.approx((200 * 4 + 150 * 8) * 32)


def test_a_network_is_the_sum_and_its_other_parameters():
    a, b = sparse((30, 20), 0.9, bits=4), sparse((20, 10), 0)
    grid = grid_of_one(0.1, 3, 8)
    net = Network({"a": a, "b": b}, {"a": "", "b": ""}, {"a/output": grid})
    total = sizes(net, other_parameters=30)
    assert total.others == 4 * 30 + 5
    # The original has no grids.
    assert total.float32.value == 4 * (600 + 200 + 30)
    for name in ("dense", "entropy", "packed"):
        quantity = getattr(total, name)
        parts = sum(getattr(tensor_sizes(t), name) for t in (a, b))
        assert quantity.value == parts + total.others
        assert (quantity.unit, quantity.provenance) == ("bytes", "estimated")
    assert total.ratio == total.float32.value / total.packed.value


def test_work_counts_widths_and_what_is_unknown():
    sites = (
        Site("a", "dense", (30, 20), (1,), macs=600),
        Site("b", "conv", (20, 10), (1,), macs=5000),
        Site("c", "other", (20, 10), (1,)),
    )
    grid = grid_of_one(0.1, 3, 8)
    tensors = {
        "a": sparse((30, 20), 0.5, bits=4),
        "b": sparse((20, 10), 0),
        "c": sparse((20, 10), 0),
    }
    net = Network(tensors, dict.fromkeys(tensors, ""), {"a/output": grid})
    found = work(sites, net, (OutputSite("a/output", ("a",)), OutputSite("b/output")))
    assert found.macs.value == 5600
    assert found.kept_macs.value == tensors["a"].nonzeros + 5000
    assert found.bops.value == 600 * 4 * 8 + 5000 * 32 * 32
    assert found.unknown == ("c",)


@pytest.mark.parametrize("bits", [2, 4, 8, 32])
def test_a_bitmask_pays_from_a_sparsity_of_one_in_bits(bits):
    level = break_even(bits)

    def smallest(sparsity):
        weights = 200 * 500
        dense = np.ones(weights, np.float32)
        pruned = np.random.default_rng(0).permutation(weights)
        dense[pruned[: round(sparsity * weights)]] = 0
        grid = grid_of_one(1, 0, bits)
        code = encode(dense.astype(np.int32), grid)
        return tensor_sizes(CompressedTensor(dense, None, code)).encoding

    assert smallest(level - 0.01) == "dense"
    assert smallest(level + 0.01) == "bitmask"


def test_a_full_codebook_has_no_index_for_a_pruned_weight():
    values = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    site = Site("a", "dense", (8, 8), (1,))
    tensor = CompressedTensor.of(values)
    keep = np.arange(64).reshape(8, 8) % 2 > 0
    table = 4 * 32
    for start, bits in ((tensor, 2), (tensor.masked(keep), 3)):
        sizes = tensor_sizes(Clustering(clusters=4).apply(start, site))
        assert sizes.dense * 8 == 64 * bits + table
    assert sizes.bitmask * 8 == 64 + 32 * 2 + table
