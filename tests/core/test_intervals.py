"""Intervals: known values, limits, and their coverage by simulation."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.core.intervals import (
    Flips,
    Interval,
    paired_flips,
    paired_mean,
    student,
    t_quantile,
    widened,
    wilson,
)
from workbench.core.measurement import Difference

DRAWS = 4000
# Coverage is a count over the draws: three standard errors below 0.945.
LEAST = 0.945 - 3 * math.sqrt(0.945 * 0.055 / DRAWS)
SIZES = np.array([500.0, 500.0, 500.0, 500.0])
RATES = np.array([4.0, 2.5, 1.6, 1.0])


def one_stratum(total: int, seen: int, lost: int, won: int) -> Flips:
    return Flips(*(np.array([n], float) for n in (total, seen, lost, won, 1)))


def test_wilson_gives_published_values() -> None:
    # Newcombe 1998, Statistics in Medicine 17, 857, table I.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1 / 29, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_wilson_stays_within_0_and_1() -> None:
    for n in (1, 2, 10_000):
        assert wilson(0.0, n).low == 0.0
        assert wilson(1.0, n).high == 1.0


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (5, 2.57058), (6, 2.44691), (10, 2.22814), (30, 2.04227)],
)
def test_t_quantile_gives_tabulated_values(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=2e-3)


def test_student_is_the_mean_with_its_error() -> None:
    low, high = student(np.array([1, 2, 3, 4], np.float32))
    assert (low + high) / 2 == pytest.approx(2.5)
    assert (high - low) / 2 == pytest.approx(3.18245 * math.sqrt(5 / 3) / 2)


def test_student_of_one_value_has_no_ends() -> None:
    assert student(np.array([1], np.float32)) == (-math.inf, math.inf)


def test_once_all_are_seen_nothing_is_open() -> None:
    within, sampled = paired_flips(one_stratum(1000, 1000, 30, 10))
    assert within == Difference(-0.02, -0.02, -0.02)
    variance = (42 / 1004 - (20 / 1004) ** 2) / 1004
    half = 2 * math.sqrt(variance)
    assert sampled.low == pytest.approx(-20 / 1004 - half)
    assert sampled.high == pytest.approx(-20 / 1004 + half)


def test_no_flip_seen_is_no_certainty() -> None:
    within, _ = paired_flips(one_stratum(10_000, 64, 0, 0))
    assert within.value == 0
    assert within.low < -0.03
    assert within.high > 0.03


def test_strata_count_by_their_sizes() -> None:
    flips = Flips(
        np.array([100.0, 900.0]),
        np.array([50.0, 50.0]),
        np.array([10.0, 0.0]),
        np.array([0.0, 1.0]),
        np.array([0.2, 0.01]),
    )
    expected = 0.1 * -10 / 50 + 0.9 * 1 / 50
    assert paired_flips(flips).within.value == pytest.approx(expected)


def test_added_flips_do_not_lie_where_all_is_known() -> None:
    flips = Flips(
        np.array([100.0, 100.0]),
        np.array([100.0, 50.0]),
        np.array([5.0, 0.0]),
        np.array([0.0, 0.0]),
        np.array([1.0, 0.0]),
    )
    within, _ = paired_flips(flips)
    assert within.low < -0.025 < within.high


def test_an_interval_never_leaves_what_is_possible() -> None:
    within, sampled = paired_flips(one_stratum(100, 10, 10, 0))
    assert within.value == sampled.value == -1
    assert within.low == sampled.low == -1


def test_paired_mean_of_shares_equals_flips() -> None:
    changes = np.repeat(np.array([-1, 1, 0], np.float32), (6, 3, 291))
    within, sampled = paired_mean(changes, 1000, is_share=True)
    flips = paired_flips(one_stratum(1000, 300, 6, 3))
    for ours, theirs in ((within, flips.within), (sampled, flips.sampled)):
        assert ours.value == pytest.approx(theirs.value)
        assert ours.low == pytest.approx(theirs.low, abs=1e-3)
        assert ours.high == pytest.approx(theirs.high, abs=1e-3)


def test_paired_mean_of_any_numbers_is_student() -> None:
    changes = np.random.default_rng(0).normal(5, 2, 50).astype(np.float32)
    within, sampled = paired_mean(changes, 50)
    assert within.low == within.value == within.high
    assert (sampled.low, sampled.high) == pytest.approx(student(changes))


def test_widened_adds_independent_errors() -> None:
    low, high = widened(Interval(0.6, 0.9), 0.8, Difference(0.1, 0.0, 0.4))
    assert low == pytest.approx(0.8 - math.hypot(0.2, 0.1))
    assert high == pytest.approx(0.8 + math.hypot(0.1, 0.3))


@pytest.mark.parametrize("seen", [64, 256, 1024])
@pytest.mark.parametrize("lost", [0, 5, 20, 100, 500, 1500])
@pytest.mark.parametrize("won", [0, 8, 60])
def test_coverage_of_one_stratum(seen: int, lost: int, won: int) -> None:
    total = 2000
    rng = np.random.default_rng(seen + lost + won)
    rest = total - lost - won
    drawn = rng.multivariate_hypergeometric([lost, won, rest], seen, size=DRAWS)
    true = (won - lost) / total
    assert coverage(drawn[:, 0], drawn[:, 1], seen, total, true) >= LEAST


def coverage(
    lost: NDArray[np.int64],
    won: NDArray[np.int64],
    seen: int,
    total: int,
    true: float,
) -> float:
    found, counts = np.unique(np.stack([lost, won]), axis=1, return_counts=True)
    hits = 0
    for (a, b), count in zip(found.T, counts, strict=True):
        within, _ = paired_flips(one_stratum(total, seen, a, b))
        hits += int(count) * (within.low <= true <= within.high)
    return hits / DRAWS


@pytest.mark.parametrize("n", [64, 256, 1024])
@pytest.mark.parametrize(
    "rates",
    [
        (0.004, 0.001, 0.0, 0.0),
        (0.05, 0.006, 0.002, 0.0),
        (0.2, 0.06, 0.02, 0.004),
        (0.3, 0.3, 0.3, 0.3),
        (0.7, 0.6, 0.5, 0.4),
    ],
)
def test_coverage_of_strata(n: int, rates: tuple[float, ...]) -> None:
    rng = np.random.default_rng(n)
    flipped = np.round(SIZES * rates)
    lost = np.round(flipped * 0.8)
    times = [(np.arange(s) + 0.5) / r for s, r in zip(SIZES, RATES, strict=True)]
    limit = np.sort(np.concatenate(times))[n - 1]
    seen = np.array([np.sum(t <= limit) for t in times])
    draws = [
        rng.multivariate_hypergeometric(
            [int(a), int(f - a), int(s - f)], int(k), size=DRAWS // 4
        )
        for a, f, s, k in zip(lost, flipped, SIZES, seen, strict=True)
    ]
    true = float((flipped - 2 * lost).sum() / SIZES.sum())
    chances = np.maximum(np.array(rates), 1e-4)
    hits = 0
    for draw in zip(*draws, strict=True):
        counts = np.array(draw, float)
        flips = Flips(SIZES, seen.astype(float), counts[:, 0], counts[:, 1], chances)
        within, _ = paired_flips(flips)
        hits += within.low - 1e-12 <= true <= within.high + 1e-12
    draws_made = DRAWS // 4
    least = 0.945 - 3 * math.sqrt(0.945 * 0.055 / draws_made)
    assert hits / draws_made >= least


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_coverage_of_wilson(share: float) -> None:
    rights = np.random.default_rng(1).binomial(500, share, DRAWS)
    hits = [wilson(right / 500, 500) for right in rights]
    covered = np.mean([low <= share <= high for low, high in hits])
    assert covered >= 0.935
