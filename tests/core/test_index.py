"""The index says what a pass over the weights finds, to the last ulp."""

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core import index
from workbench.core.affine import dequantize, grid_between, grid_of, quantize
from workbench.core.index import MagnitudeIndex, cut, index_of

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
arrays = st.lists(finite, min_size=1, max_size=200).map(
    lambda values: np.array(values, np.float32)
)
small = st.lists(
    st.floats(-4, 4, width=32) | st.sampled_from([0.0, 0.5, -0.5, 1.0]),
    min_size=1,
    max_size=200,
).map(lambda values: np.array(values, np.float32))


def passed_over(values, grid, threshold):
    """Counts, zeros, squared and largest error by going through the weights."""
    pruned = np.abs(values) < np.float32(threshold)
    kept = np.where(pruned, np.float32(0), values)
    q = quantize(kept, grid)
    dense = np.where(pruned, np.float32(0), dequantize(q, grid))
    levels = q.astype(np.int64) - grid.zero_point
    error = np.abs(values.astype(np.float64) - dense)
    return levels, np.count_nonzero(pruned), np.square(error).sum(), error.max()


@settings(deadline=None)
@given(
    values=small,
    bits=st.integers(2, 9),
    symmetric=st.booleans(),
    threshold=st.floats(0, 5),
    shrink=st.floats(0.2, 1),
)
def test_coded_is_what_a_pass_finds(values, bits, symmetric, threshold, shrink):
    low = np.float32(values.min() * shrink).reshape(1)
    high = np.float32(values.max() * shrink).reshape(1)
    grid = grid_between(low, high, bits, is_symmetric=symmetric)
    levels, pruned, noise, largest = passed_over(values, grid, threshold)
    found = MagnitudeIndex(values).coded(grid, threshold)
    counted = dict(zip(*np.unique(levels, return_counts=True), strict=True))
    assert {
        level: n for level, n in zip(found.levels, found.counts, strict=True) if n
    } == counted
    assert found.pruned == pruned
    assert found.zeros == counted.get(0, 0)
    assert found.largest_error == largest
    signal = np.square(values.astype(np.float64)).sum()
    assert found.signal == pytest.approx(signal, rel=1e-12, abs=0)
    assert found.noise == pytest.approx(noise, rel=1e-9, abs=1e-12 * (signal + 1))


@settings(deadline=None)
@given(values=arrays, bits=st.integers(2, 8), symmetric=st.booleans())
def test_levels_of_any_finite_weights(values, bits, symmetric):
    grid = grid_of(values, bits, is_symmetric=symmetric)
    levels, _, _, _ = passed_over(values, grid, 0)
    found = MagnitudeIndex(values).coded(grid)
    rebuilt = np.repeat(found.levels, found.counts)
    np.testing.assert_array_equal(rebuilt, np.sort(levels))


def test_boundaries_hold_to_the_last_ulp():
    rng = np.random.default_rng(0)
    for _ in range(50):
        scale = np.float32(rng.uniform(0.001, 0.3)).reshape(1)
        grid = grid_between(-127 * scale, 127 * scale, 8, is_symmetric=True)
        ties = (np.arange(-128, 128) + 0.5) * np.float64(grid.scale[0])
        near = ties.astype(np.float32)
        values = [near]
        for direction in (np.float32(-np.inf), np.float32(np.inf)):
            step = near
            for _ in range(3):
                step = np.nextafter(step, direction)
                values.append(step)
        values = np.concatenate(values)
        found = MagnitudeIndex(values).coded(grid)
        q = quantize(values, grid)
        expected = np.bincount(q.astype(int) + 127, minlength=255)
        np.testing.assert_array_equal(found.counts, expected)


@settings(deadline=None)
@given(values=arrays | small, data=st.data())
def test_threshold_and_sparsity_are_two_faces(values, data):
    found = MagnitudeIndex(values)
    pruned = data.draw(st.integers(0, values.size))
    threshold = found.threshold(pruned)
    below = np.count_nonzero(np.abs(values) < threshold)
    assert found.pruned(threshold) == below >= pruned
    assert found.sparsity(threshold) == below / values.size
    smaller = np.nextafter(threshold, np.float32(0))
    if pruned:
        assert found.pruned(smaller) < pruned


@settings(deadline=None)
@given(values=small)
def test_lamp_scores_follow_the_definition(values):
    energy = np.square(np.sort(np.abs(values)), dtype=np.float64)
    left = np.cumsum(energy[::-1])[::-1]
    scores = np.divide(energy, left, out=np.zeros_like(energy), where=left > 0)
    found = MagnitudeIndex(values)
    for score in np.unique(scores[(scores == 0) | (scores > 1e-30)]):
        # Beside the scores, where rounding does not decide.
        for at in (score * (1 - 1e-5), score * (1 + 1e-5)):
            below = np.count_nonzero(scores < at)
            assert found.lamp_below(np.array([at], np.float32)) == below


@given(values=small, threshold=st.floats(0, 5), data=st.data())
@settings(deadline=None)
def test_histogram_is_numpys(values, threshold, data):
    edges = data.draw(
        st.lists(st.floats(-5, 5), min_size=2, max_size=20, unique=True).map(sorted)
    )
    kept = values[np.abs(values) >= np.float32(threshold)]
    expected, _ = np.histogram(kept.astype(np.float64), np.array(edges))
    found = MagnitudeIndex(values).histogram(np.array(edges), threshold)
    np.testing.assert_array_equal(found, expected)


def test_histogram_on_edges_between_floats():
    values = np.array([0.1, 0.2, 0.3], np.float32)
    edges = np.array([0.1, 0.2, 0.3])
    expected, _ = np.histogram(values.astype(np.float64), edges)
    np.testing.assert_array_equal(MagnitudeIndex(values).histogram(edges), expected)


def test_summaries():
    values = np.array([-1.0, -0.1, 0.1, 0.1, 1.0], np.float32)
    grid = grid_of(values, 2, is_symmetric=True)
    found = MagnitudeIndex(values).coded(grid)
    np.testing.assert_array_equal(found.counts, [1, 3, 1])
    assert found.sparsity == 0.6
    noise = 3 * float(np.float32(0.1)) ** 2
    signal = 2 + noise
    assert found.sqnr == pytest.approx(10 * np.log10(signal / noise), rel=1e-12)
    p = np.array([0.2, 0.6, 0.2])
    assert found.entropy == pytest.approx(-(p * np.log2(p)).sum(), rel=1e-12)
    assert MagnitudeIndex(np.array([0.0, 1.0], np.float32)).coded(grid).sqnr == np.inf


def test_ends_and_bytes():
    values = np.random.default_rng(0).normal(size=10_007).astype(np.float32)
    found = MagnitudeIndex(values.reshape(-1, 1))
    assert (found.low, found.high) == (values.min(), values.max())
    assert found.size == 10_007
    assert found.nbytes <= 6 * found.size
    empty = MagnitudeIndex(np.zeros(0, np.float32))
    assert (empty.size, empty.low, empty.high, empty.pruned(1.0)) == (0, 0, 0, 0)
    assert empty.threshold(0) == 0


def test_one_cut_over_several_tensors():
    rng = np.random.default_rng(0)
    tensors = [rng.normal(size=n).astype(np.float32) for n in (50, 7, 400)]
    together = np.sort(np.abs(np.concatenate(tensors)))
    for pruned in (0, 1, 100, 456, 457):
        threshold = cut([MagnitudeIndex(values) for values in tensors], pruned)
        assert np.count_nonzero(together < threshold) == pruned


def test_an_index_lives_as_long_as_its_array():
    values = np.ones(10, np.float32)
    before = len(index._indexes)
    assert index_of(values) is index_of(values)
    assert index_of(values) is not index_of(values.copy())
    assert len(index._indexes) == before + 1
    del values
    gc.collect()
    assert len(index._indexes) == before


@given(arrays)
def test_smallest_is_the_least_magnitude(values):
    assert MagnitudeIndex(values).smallest == np.abs(values).min()


def test_smallest_of_nothing_is_infinite():
    assert MagnitudeIndex(np.zeros(0, np.float32)).smallest == np.inf
