"""Binned weights keep the counts and sums of the weights."""

import numpy as np
import pytest

from workbench.core.bins import BINS, GROUPS, tensor_bins, weight_bins


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


def test_few_weights_have_a_bin_each() -> None:
    weights = np.random.default_rng(1).normal(size=(20, 9)).astype(np.float32)
    found = tensor_bins(weights, (1,))
    assert len(found.groups) == 9
    for channel, group in enumerate(found.groups):
        assert set(group.bins.counts.tolist()) == {1}
        assert group.largest == pytest.approx(np.abs(weights[:, channel]).max())


@pytest.mark.parametrize("axes", [(), (0,), (3,), (2, 3), (0, 2)])
def test_channels_are_scaled_to_the_range_of_their_group(axes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(3, 3, 40, 30)).astype(np.float32)
    weights *= np.exp(rng.normal(size=30)).astype(np.float32)
    found = tensor_bins(weights, axes)
    assert sum(int(group.bins.counts.sum()) for group in found.groups) == weights.size
    assert len(found.groups) <= GROUPS
    assert sum(group.bins.counts.size for group in found.groups) <= BINS
    assert (found.low, found.high) == (weights.min(), weights.max())
    for group in found.groups:
        ends = np.abs(group.bins.edges[[0, -1]])
        assert ends.max() == pytest.approx(group.largest, rel=1e-5)
        assert group.low <= 0 <= group.high


def test_a_channel_of_zeros_stays_one() -> None:
    weights = np.ones((100, 40), np.float32)
    weights[:, :7] = 0
    counts = [
        group.bins.counts[np.searchsorted(group.bins.edges, 0, side="right") - 1]
        for group in tensor_bins(weights, (1,)).groups
        if group.bins.edges[0] <= 0
    ]
    assert sum(counts) == 700
