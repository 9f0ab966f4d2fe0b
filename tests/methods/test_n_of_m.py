"""N:M sparsity: which of each block are kept, on every kind of kernel."""

import numpy as np
import pytest

from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.magnitude import Magnitude
from workbench.methods.n_of_m import NOfM

PATTERNS = ["2:4", "1:4", "4:8"]


def kept(step, values, kind, axes):
    site = Site("a/kernel", kind, values.shape, axes)
    tensor = step.apply(CompressedTensor.of(values), site)
    return np.ones(values.shape, bool) if tensor.mask is None else tensor.mask


def weights(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_block_keeps_its_largest(pattern):
    values = weights(16, 5)
    number, block = map(int, pattern.split(":"))
    mask = kept(NOfM(pattern=pattern), values, "dense", (1,))
    for output in range(5):
        for start in range(0, 16, block):
            part = np.abs(values[start : start + block, output])
            largest = np.sort(np.argsort(part)[-number:])
            found = np.flatnonzero(mask[start : start + block, output])
            np.testing.assert_array_equal(found, largest)


def test_ties_fall_in_index_order():
    values = np.array([1, -1, 1, 1, -0.0, 0.0, 0.0, 2], np.float32)[:, None]
    mask = kept(NOfM(pattern="2:4"), values, "dense", (1,))
    assert mask[:, 0].tolist() == [False, False, True, True, False, False, True, True]


def test_the_last_shorter_block_counts_as_filled_with_zeros():
    values = np.arange(1, 8, dtype=np.float32)[:, None]
    mask = kept(NOfM(pattern="2:4"), values, "dense", (1,))
    assert mask[:, 0].tolist() == [False, False, True, True, False, True, True]
    mask = kept(NOfM(pattern="2:4"), values[:5], "dense", (1,))
    assert mask[:, 0].tolist() == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("kind", "shape", "axes", "inputs"),
    [
        ("dense", (8, 6), (1,), 0),
        ("conv", (3, 3, 8, 5), (3,), 2),
        ("conv", (3, 3, 5, 8), (2,), 3),
        ("recurrent", (8, 12), (1,), 0),
        ("embedding", (9, 8), (0,), 1),
        ("einsum", (2, 8, 5), (2,), 1),
        ("einsum", (8, 2, 3), (1, 2), 0),
    ],
)
def test_blocks_lie_along_the_last_input_axis(kind, shape, axes, inputs):
    mask = kept(NOfM(pattern="2:4"), weights(*shape), kind, axes)
    lines = np.moveaxis(mask, inputs, -1).reshape(-1, 4)
    assert (lines.sum(axis=1) == 2).all()


def test_what_is_pruned_already_goes_first():
    values = np.array([5, 4, 3, 2], np.float32)[:, None]
    site = Site("a/kernel", "dense", (4, 1), (1,))
    start = CompressedTensor.of(values).masked(np.array([[False], [True]] * 2))
    mask = NOfM(pattern="2:4").apply(start, site).mask
    assert mask is not None
    assert mask[:, 0].tolist() == [False, True, False, True]
    more = Magnitude(sparsity=0.75, scope="tensor").apply(start, site).mask
    assert more is not None
    assert more[:, 0].tolist() == [False, True, False, False]


def test_a_short_axis_is_refused_with_the_reason():
    sites = {
        "short": Site("short", "dense", (7, 4), (1,)),
        "window": Site("window", "depthwise", (3, 3, 4, 1), (2, 3)),
        "long": Site("long", "dense", (8, 4), (1,)),
    }
    values = {name: weights(*site.shape) for name, site in sites.items()}
    recipe = Recipe((Plan("*", (Choice.of("n_of_m", pattern="4:8"),)),))
    network = compress(
        tuple(sites.values()), values, recipe, digests=dict.fromkeys(sites, "")
    )
    reasons = {skipped.path: skipped.reason for skipped in network.skipped}
    assert reasons == dict.fromkeys(["short", "window"], "pattern.short_axis")
    assert network.tensors["short"].mask is None
    assert network.tensors["long"].sparsity == 0.5
