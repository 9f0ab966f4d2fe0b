"""The order of evaluation: each prefix a sample, dense where margins are small."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.core.intervals import Flips, paired_flips
from workbench.engine.metrics import Accuracy
from workbench.engine.ordering import Order, margins

Floats = NDArray[np.float32]

TOTAL = 4000
DRAWS = 1000
# Coverage is a count over the draws: three standard errors below 0.945.
LEAST = 0.945 - 3 * math.sqrt(0.945 * 0.055 / DRAWS)


def originals(total: int = TOTAL, mean: float = 3.2) -> Floats:
    """Signed margins of an original that is right nine times of ten, in logits."""
    return np.random.default_rng(0).normal(mean, 2.5, total).astype(np.float32)


def moved(near: Floats, size: float, shift: float) -> Floats:
    rng = np.random.default_rng(1)
    return (near + size * rng.standard_t(5, len(near)) - shift).astype(np.float32)


def ordered(near: Floats, seed: int = 0) -> Order:
    return Order.of((near > 0).astype(np.float32), near, seed)


def by_margin(near: Floats, size: float, shift: float) -> Floats:
    """What flips where answers move by about `size` logits."""
    return (moved(near, size, shift) > 0).astype(np.float32) - (near > 0)


def anywhere(near: Floats, lost: float, won: float) -> Floats:
    """Flips that do not follow the margin, as shares of all samples."""
    rng = np.random.default_rng(2)
    changes = np.zeros(len(near), np.float32)
    for kind, share, change in ((near > 0, lost, -1), (near <= 0, won, 1)):
        flipped = rng.permutation(np.flatnonzero(kind))[: round(share * len(near))]
        changes[flipped] = change
    return changes


def drawn(order: Order, changes: Floats, n: int) -> Iterator[Flips]:
    """The flips among the first n samples of many orders with the same strata."""
    k = len(order.is_right)
    sizes = np.bincount(order.strata, minlength=k)
    seen = np.bincount(order.strata[:n], minlength=k)
    flipped = np.bincount(order.strata, changes[order.samples] != 0, minlength=k)
    rng = np.random.default_rng(n)
    counts = [
        rng.hypergeometric(int(f), int(size - f), int(m), DRAWS) if m else [0] * DRAWS
        for f, size, m in zip(flipped, sizes, seen, strict=True)
    ]
    for found in zip(*counts, strict=True):
        yield Flips(
            sizes.astype(float),
            seen.astype(float),
            np.array(found, float),
            order.is_right,
        )


def coverage(near: Floats, changes: Floats, n: int) -> float:
    true = float(changes.mean(dtype=np.float64))
    known: dict[bytes, bool] = {}
    hits = 0
    for flips in drawn(ordered(near), changes, n):
        key = flips.flipped.tobytes()
        if key not in known:
            within = paired_flips(flips).within
            known[key] = within.low - 1e-12 <= true <= within.high + 1e-12
        hits += known[key]
    return hits / DRAWS


def test_an_order_holds_every_sample_once() -> None:
    near = originals()
    results = (near > 0).astype(np.float32)
    for order in (Order.of(results, None, 0), ordered(near)):
        assert np.array_equal(np.sort(order.samples), np.arange(TOTAL))
        right = order.is_right[order.strata]
        assert np.array_equal(right, results[order.samples] == 1)


def test_small_margins_and_wrong_answers_come_first_but_not_alone() -> None:
    near = originals()
    order = ordered(near)
    counts = np.bincount(order.strata[:128])
    dense = counts / np.bincount(order.strata)
    distances = np.abs(near[order.samples])
    for kind in (order.is_right, ~order.is_right):
        assert dense[kind].tolist() == sorted(dense[kind], reverse=True)
        strata = np.flatnonzero(kind)
        means = [distances[order.strata == k].mean() for k in strata]
        assert means == sorted(means)
    assert dense[~order.is_right].min() > 2 * dense[order.is_right].min()
    assert counts.max() >= 48


def test_the_first_samples_are_one_of_each_stratum() -> None:
    order = ordered(originals())
    k = len(order.is_right)
    first = order.strata[:k]
    assert sorted(first) == list(range(k))
    sizes = np.bincount(order.strata)[first]
    assert sizes.tolist() == sorted(sizes, reverse=True)


def test_results_that_are_no_answers_have_one_stratum() -> None:
    results = np.linspace(0, 1, TOTAL, dtype=np.float32)
    order = Order.of(results, originals(), 0)
    assert set(order.strata) == {0}
    assert order.is_right.tolist() == [True]


@pytest.mark.parametrize("results", [[1.0], [0.0], [0.0, 1.0], [1.0, 1.0, 0.0]])
def test_a_few_samples_have_an_order(results: list[float]) -> None:
    order = Order.of(np.array(results, np.float32), np.ones(len(results), "f4"), 0)
    flips = order.flips(np.zeros(1, np.float32))
    assert flips.sizes.sum() == len(results)
    assert flips.seen.sum() == 1


@pytest.mark.parametrize("n", [64, 256, 1024])
@pytest.mark.parametrize(
    ("size", "shift"), [(0.02, 0), (0.1, 0), (0.4, 0), (1.5, 0.5), (1, 4)]
)
def test_intervals_cover_flips_that_follow_the_margin(
    n: int, size: float, shift: float
) -> None:
    near = originals()
    assert coverage(near, by_margin(near, size, shift), n) >= LEAST


@pytest.mark.parametrize("n", [64, 128, 512])
@pytest.mark.parametrize(
    ("lost", "won"),
    [
        (0.005, 0),
        (0.01, 0),
        (0.02, 0),
        (0.03, 0),
        (0.04, 0),
        (0.02, 0.01),
        (0, 0.02),
        (0.1, 0.02),
        (0.3, 0),
    ],
)
def test_intervals_cover_flips_anywhere(n: int, lost: float, won: float) -> None:
    near = originals()
    assert coverage(near, anywhere(near, lost, won), n) >= LEAST


@pytest.mark.parametrize("n", [128, 512])
@pytest.mark.parametrize("lost", [0.01, 0.02])
def test_intervals_cover_flips_of_both_kinds(n: int, lost: float) -> None:
    near = originals()
    changes = by_margin(near, 0.1, 0)
    changes = np.where(changes == 0, anywhere(near, lost, 0), changes)
    assert coverage(near, changes, n) >= LEAST


@pytest.mark.parametrize("total", [60, 200, 500])
@pytest.mark.parametrize("mean", [0.6, 3.7, 6.0])
def test_intervals_cover_small_test_sets(total: int, mean: float) -> None:
    near = originals(total, mean)
    for n in (16, 32, total // 2):
        for changes in (by_margin(near, 0.4, 0), anywhere(near, 0.03, 0.01)):
            assert coverage(near, changes, n) >= LEAST


def test_a_prefix_of_an_order_is_a_sample() -> None:
    near = originals()
    changes = by_margin(near, 0.4, 0)
    values = []
    for seed in range(200):
        order = ordered(near, seed)
        flips = order.flips(changes[order.samples[:256]])
        values.append(paired_flips(flips).within.value)
    error = np.std(values) / math.sqrt(len(values))
    assert abs(np.mean(values) - changes.mean()) < 4 * error


def half_width(order: Order, changes: Floats, n: int) -> float:
    within = paired_flips(order.flips(changes[order.samples[:n]])).within
    return (within.high - within.low) / 2


def test_a_small_change_is_soon_known_to_a_point_and_a_half() -> None:
    near = originals(10_000)
    changes = by_margin(near, 0.1, 0)
    order = ordered(near)
    assert half_width(order, changes, 192) <= 0.015
    assert half_width(order, changes, 512) <= 0.007


def test_strata_make_small_changes_sharper() -> None:
    near = originals()
    changes = by_margin(near, 0.2, 0)
    results = (near > 0).astype(np.float32)
    strata = half_width(ordered(near), changes, 512)
    plain = half_width(Order.of(results, None, 0), changes, 512)
    assert strata < 0.85 * plain


def near_of(metric: Accuracy, y: NDArray[Any], p: NDArray[Any]) -> Floats:
    found = margins(metric, y, p)
    assert found is not None
    return found


def test_margins_are_signed_log_ratios() -> None:
    y = np.array([0, 1, 2])
    p = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    found = near_of(Accuracy(), y, p)
    expected = np.log([0.7 / 0.2, 0.3 / 0.5, 0.5 / 0.3])
    assert np.allclose(found, expected)
    logits = np.log(p) + 3
    found = near_of(Accuracy(from_logits=True), y, logits)
    assert np.allclose(found, expected)
    one_hot = near_of(Accuracy(is_one_hot=True), np.eye(3)[y], p)
    assert np.allclose(one_hot, expected)


def test_margins_of_two_classes_are_log_odds() -> None:
    y = np.array([1, 0, 1])
    p = np.array([[0.9], [0.9], [0.4]])
    found = near_of(Accuracy("binary"), y, p)
    odds = np.log([9, 1 / 9, 4 / 6])
    assert np.allclose(found, odds)
    found = near_of(Accuracy("binary", from_logits=True), y, np.log(p / (1 - p)))
    assert np.allclose(found, odds)


def test_sequences_have_no_margin() -> None:
    y, p = np.zeros((2, 3), int), np.ones((2, 3, 4))
    assert margins(Accuracy(), y, p) is None
