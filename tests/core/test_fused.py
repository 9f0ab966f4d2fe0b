"""The compiled pass writes what the NumPy forms write, bit for bit."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from workbench.core import cost, fused
from workbench.core.affine import grid_of
from workbench.core.channels import channels_of
from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.tensor import CompressedTensor, Site

SHAPES = [
    ((60, 50), (1,)),
    ((60, 50), (0,)),
    ((1, 301), (1,)),
    ((301, 1), (1,)),
    ((3, 3, 8, 20), (3,)),
    ((3, 3, 20, 8), (2,)),
    ((3, 3, 20, 8), (2, 3)),
    ((3001,), ()),
    ((6, 8, 10), (1, 2)),
]
PRUNINGS = [{"sparsity": 0.7}, {"sparsity": 0.001}, {"threshold": 0.03}, {}]


def weights_of(shape):
    values = np.random.default_rng(0).normal(0, 0.05, shape).astype(np.float32)
    values.reshape(-1)[::7] = 0
    values.reshape(-1)[1] = -0.0
    values[..., 0] = 0
    return values


def run(values, axes, *choices):
    site = Site("a", "dense", values.shape, axes)
    recipe = Recipe((Plan("*", choices),))
    network = compress((site,), {"a": values}, recipe, digests={"a": ""})
    return network.tensors["a"]


def assert_equal(one, other):
    np.testing.assert_array_equal(one.dense.view(np.int32), other.dense.view(np.int32))
    np.testing.assert_array_equal(one.mask, other.mask)
    for name in ("q", "scale", "zero_point"):
        mine, theirs = getattr(one.code, name), getattr(other.code, name)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
    assert one.nonzeros == other.nonzeros == np.count_nonzero(one.dense)


@pytest.mark.parametrize(("shape", "axes"), SHAPES)
@pytest.mark.parametrize("spread", ["minmax", "mse"])
def test_one_pass_is_two_steps(shape, axes, spread, monkeypatch):
    values = weights_of(shape)
    for pruning, bits, symmetric, granularity in product(
        PRUNINGS, (2, 4, 8, 9, 16), (True, False), ("channel", "tensor")
    ):
        choices = (
            Choice.of("magnitude", **pruning),
            Choice.of(
                "uniform",
                bits=bits,
                symmetric=symmetric,
                granularity=granularity,
                range=spread,
            ),
        )
        monkeypatch.setattr(fused, "LARGE", 10**9)
        apart = run(values, axes, *choices)
        monkeypatch.setattr(fused, "LARGE", 1)
        together = run(values, axes, *choices)
        assert_equal(together, apart)
        assert together.counts is not None
        assert apart.counts is None
        assert cost.tensor_sizes(together) == cost._tensor_sizes(apart)


def test_ties_at_the_cut_take_the_two_steps(monkeypatch):
    values = np.repeat(np.array([0.1, 0.2, 0.3], np.float32), 40).reshape(12, 10)
    choices = (Choice.of("magnitude", sparsity=0.5), Choice.of("uniform", bits=4))
    monkeypatch.setattr(fused, "LARGE", 10**9)
    apart = run(values, (1,), *choices)
    monkeypatch.setattr(fused, "LARGE", 1)
    together = run(values, (1,), *choices)
    assert_equal(together, apart)
    assert together.nonzeros == 60


def test_scattered_channels_and_strides_take_the_numpy_form(monkeypatch):
    values = weights_of((6, 8, 10))
    choices = (Choice.of("magnitude", sparsity=0.5), Choice.of("uniform", bits=4))
    apart = run(values, (0, 2), *choices)
    monkeypatch.setattr(fused, "LARGE", 1)
    assert_equal(run(values, (0, 2), *choices), apart)
    turned = np.asfortranarray(values)
    assert_equal(run(turned, (0, 2), *choices), apart)
    assert not fused.pays(turned)


def test_counts_are_those_of_the_integers():
    values = weights_of((60, 50))
    channels = channels_of(values.shape, (1,))
    assert channels is not None
    grid = grid_of(values, 4, is_symmetric=False, channel_axes=(1,))
    made = fused.code(fused.Weights(values, channels, 0.02), grid)
    levels = made.q.astype(np.int64) - grid.zero_point
    expected = np.bincount(levels.reshape(-1) + 15, minlength=31)
    np.testing.assert_array_equal(made.counts, expected)
    np.testing.assert_array_equal(made.mask, np.abs(values) >= np.float32(0.02))


def test_a_pass_writes_into_arrays_of_an_earlier_one():
    values = weights_of((60, 50))
    channels = channels_of(values.shape, ())
    assert channels is not None
    weights = fused.Weights(values, channels, 0.02)
    grid = fused.grid_of(weights, 8, is_symmetric=True)
    first = fused.code(weights, grid)
    again = fused.code(fused.Weights(values, channels, 0.05), grid, first)
    assert again.dense is first.dense
    fresh = fused.code(fused.Weights(values, channels, 0.05), grid)
    np.testing.assert_array_equal(again.dense, fresh.dense)
    np.testing.assert_array_equal(again.counts, fresh.counts)


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.99, 1.0])
def test_fillers_are_those_of_the_gaps(sparsity, monkeypatch):
    dense = np.random.default_rng(1).normal(size=5000).astype(np.float32)
    dense[np.random.default_rng(2).random(5000) < sparsity] = 0
    kept, found = fused.fillers(dense)
    assert kept == np.count_nonzero(dense)
    places = np.flatnonzero(dense)
    gaps = np.diff(places, prepend=-1) - 1
    np.testing.assert_array_equal(found, [(gaps >> i).sum() for i in range(1, 17)])
    tensor = CompressedTensor.of(dense)
    apart = cost._tensor_sizes(tensor)
    monkeypatch.setattr(fused, "LARGE", 1)
    assert cost._tensor_sizes(tensor) == apart


def test_lanes_may_call_at_once(monkeypatch):
    monkeypatch.setattr(fused, "LARGE", 1)
    values = weights_of((60, 50))
    choices = (Choice.of("magnitude", sparsity=0.5), Choice.of("uniform", bits=4))
    alone = run(values, (1,), *choices)
    with ThreadPoolExecutor(8) as lanes:
        jobs = [lanes.submit(run, values.copy(), (1,), *choices) for _ in range(64)]
        for job in jobs:
            assert_equal(job.result(), alone)


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((4, 5), (), (1, 1, 20)),
        ((4, 5), (1,), (4, 5, 1)),
        ((4, 5), (0,), (1, 4, 5)),
        ((2, 3, 4, 5), (2, 3), (6, 20, 1)),
        ((2, 3, 4, 5), (1, 2), (2, 12, 5)),
        ((2, 3, 1, 5), (1, 3), (2, 15, 1)),
        ((2, 3, 4, 5), (0, 3), None),
        ((4, 1), (1,), (1, 1, 4)),
        ((), (), (1, 1, 1)),
    ],
)
def test_how_channels_lie(shape, axes, expected):
    found = channels_of(shape, axes)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found.outer, found.count, found.inner) == expected
