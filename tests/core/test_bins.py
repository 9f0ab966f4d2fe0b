"""Binned weights keep the counts and sums of the weights."""

import numpy as np
import pytest

from workbench.core.bins import weight_bins


def test_bins_keep_every_sum() -> None:
    weights = np.sort(np.random.default_rng(0).normal(0.01, 0.1, 50_000))
    weights = weights.astype(np.float32)
    bins = weight_bins(weights, uniform=64, quantiles=64)
    middles = (bins.edges[1:].astype(np.float64) + bins.edges[:-1]) / 2
    assert bins.counts.sum() == weights.size
    counts, _ = np.histogram(weights, bins.edges.astype(np.float64))
    assert np.array_equal(bins.counts, counts)
    total = (bins.first + middles * bins.counts).sum()
    assert total == pytest.approx(weights.astype(np.float64).sum(), rel=1e-6)
    squares = bins.second + middles * (2 * bins.first + middles * bins.counts)
    expected = np.square(weights.astype(np.float64)).sum()
    assert squares.sum() == pytest.approx(expected, rel=1e-6)


def test_half_of_the_edges_follow_the_weights() -> None:
    crowd = np.linspace(-1e-3, 1e-3, 10_000, dtype=np.float32)
    bins = weight_bins(np.concatenate([crowd, np.ones(1, np.float32)]), 16, 16)
    inside = (bins.edges > -1e-3) & (bins.edges < 1e-3)
    assert inside.sum() >= 15
    assert bins.nbytes == 16 * bins.counts.size + 4


@pytest.mark.parametrize("values", [[0.5], [0.0, 0.0, 0.0]])
def test_equal_weights_are_one_bin(values: list[float]) -> None:
    bins = weight_bins(np.array(values, np.float32))
    assert bins.counts.tolist() == [len(values)]
    assert bins.edges[1] > bins.edges[0]
