"""Intervals: known values, limits, and their coverage by simulation."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.core.intervals import (
    Flips,
    Interval,
    answers_in,
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


def flips(
    sizes: list[int], seen: list[int], flipped: list[int], is_right: list[bool]
) -> Flips:
    sized, drawn, found = (np.array(each, float) for each in (sizes, seen, flipped))
    return Flips(sized, drawn, found, np.array(is_right))


def two_kinds(total: int, seen: int, lost: int, won: int) -> Flips:
    """A tenth of the original's answers is wrong."""
    wrong, seen_wrong = total // 10, seen // 10
    sizes, parts = [total - wrong, wrong], [seen - seen_wrong, seen_wrong]
    return flips(sizes, parts, [lost, won], [True, False])


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
    within, sampled = paired_flips(two_kinds(1000, 1000, 30, 10))
    assert within == Difference(-0.02, -0.02, -0.02)
    # With 40 flips Wald's interval is close, apart from its lean.
    half = 2 * math.sqrt((0.04 - 0.02**2) / 1000)
    assert sampled.low == pytest.approx(-0.02 - half, abs=2e-3)
    assert sampled.high == pytest.approx(-0.02 + half, abs=2e-3)


@pytest.mark.parametrize("n", [64, 256, 1024])
def test_no_flip_seen_leaves_three_among_so_many(n: int) -> None:
    within, _ = paired_flips(flips([10**6], [n], [0], [True]))
    assert within.value == within.high == 0
    assert -within.low * n == pytest.approx(3.03, abs=0.05)


def test_right_answers_can_only_be_lost_and_wrong_ones_won() -> None:
    right = paired_flips(flips([500, 0], [100, 0], [0, 0], [True, False])).within
    wrong = paired_flips(flips([0, 500], [0, 100], [0, 0], [True, False])).within
    assert right.high <= 0.002 < -right.low
    assert (wrong.low, wrong.high) == (-right.high, -right.low)


def test_strata_count_by_their_sizes() -> None:
    found = flips([100, 800, 100], [50, 50, 20], [10, 1, 4], [True, True, False])
    expected = -0.1 * 10 / 50 - 0.8 * 1 / 50 + 0.1 * 4 / 20
    assert paired_flips(found).within.value == pytest.approx(expected)


def test_what_is_not_seen_bounds_the_interval() -> None:
    found = flips([100, 10], [98, 10], [5, 0], [True, False])
    within, _ = paired_flips(found)
    assert within.low * 110 >= -7
    assert within.high * 110 <= -5


def test_a_stratum_without_a_sample_may_have_flipped_whole() -> None:
    found = flips([1000, 50], [100, 0], [0, 0], [True, False])
    within, _ = paired_flips(found)
    assert within.value == 0
    assert within.high * 1050 >= 50


def test_an_interval_never_leaves_what_is_possible() -> None:
    within, sampled = paired_flips(flips([100], [10], [10], [True]))
    assert within.value == sampled.value == -1
    assert within.low == sampled.low == -1


def test_paired_mean_of_shares_is_no_sharper_than_flips() -> None:
    changes = np.repeat(np.array([-1, 1, 0], np.float32), (6, 3, 291))
    ours = paired_mean(changes, 1000, 1.0, is_share=True)
    theirs = paired_flips(flips([900, 100], [270, 30], [6, 3], [True, False]))
    for mean, count in zip(ours, theirs, strict=True):
        assert mean.value == pytest.approx(count.value)
        width = count.high - count.low
        assert 0.9 * width <= mean.high - mean.low <= 1.2 * width


def test_paired_mean_of_any_numbers_is_student_with_one_more_change_each_way() -> None:
    changes = np.random.default_rng(0).normal(5, 2, 50).astype(np.float32)
    most = float(changes.max())
    for scale, added in ((0.0, most), (1000.0, 1000.0)):
        within, sampled = paired_mean(changes, 50, scale)
        assert within.low == within.value == within.high
        ends = student(np.append(changes, (added, -added)))
        assert (sampled.low, sampled.high) == pytest.approx(ends)


def test_widened_adds_independent_errors() -> None:
    low, high = widened(Interval(0.6, 0.9), 0.8, Difference(0.1, 0.0, 0.4))
    assert low == pytest.approx(0.8 - math.hypot(0.2, 0.1))
    assert high == pytest.approx(0.8 + math.hypot(0.1, 0.3))


def coverage(
    flipped: NDArray[np.int64], sizes: list[int], seen: list[int], true: float
) -> tuple[float, float]:
    """How often both intervals hold the true difference."""
    found, counts = np.unique(flipped, axis=0, return_counts=True)
    hits = np.zeros(2)
    for each, count in zip(found, counts, strict=True):
        pair = paired_flips(flips(sizes, seen, each.tolist(), [True, False]))
        hits += [
            count * (ours.low - 1e-12 <= true <= ours.high + 1e-12) for ours in pair
        ]
    within, sampled = hits / counts.sum()
    return float(within), float(sampled)


@pytest.mark.parametrize("seen", [64, 256, 1024])
@pytest.mark.parametrize("lost", [0, 20, 60, 500, 1500])
@pytest.mark.parametrize("won", [0, 8])
def test_coverage_of_a_part_of_the_test_set(seen: int, lost: int, won: int) -> None:
    rng = np.random.default_rng(seen + lost + won)
    sizes, parts = [1800, 200], [seen - seen // 8, seen // 8]
    drawn = [
        rng.hypergeometric(flipped, size - flipped, part, DRAWS)
        for flipped, size, part in zip((lost, won), sizes, parts, strict=True)
    ]
    within, _ = coverage(np.stack(drawn, 1), sizes, parts, (won - lost) / 2000)
    assert within >= LEAST


@pytest.mark.parametrize("total", [60, 1000])
@pytest.mark.parametrize("flipped", [1, 2.95, 4.6, 7, 20])
@pytest.mark.parametrize("share_lost", [1, 0.8, 0.5])
def test_coverage_of_other_samples(
    total: int, flipped: float, share_lost: float
) -> None:
    rng = np.random.default_rng(total)
    lost, won = flipped * share_lost / total, flipped * (1 - share_lost) / total
    drawn = rng.multinomial(total, [lost, won, 1 - lost - won], DRAWS)[:, :2]
    pairs = np.unique(drawn, axis=0, return_counts=True)
    hits = 0
    for (a, b), count in zip(*pairs, strict=True):
        kinds = [total // 2, total - total // 2]
        _, sampled = paired_flips(flips(kinds, kinds, [a, b], [True, False]))
        hits += int(count) * (sampled.low <= won - lost <= sampled.high)
    assert hits / DRAWS >= LEAST


def changes_of(kind: str, rng: np.random.Generator, total: int) -> NDArray[np.float64]:
    """How absolute errors change, in units of the original's spread."""
    errors, moves = rng.standard_t(3, (2, total))
    rare = np.zeros(total)
    rare[: total // 100] = 1
    return {
        "small": np.abs(errors + 0.05 * moves) - np.abs(errors),
        "large": np.abs(errors + 2 * moves) - np.abs(errors),
        "one way": rng.exponential(1, total),
        "one in a hundred": rare,
        "long tail": rng.standard_t(2, total),
    }[kind]


@pytest.mark.parametrize("n", [64, 256, 1024])
@pytest.mark.parametrize(
    "kind", ["small", "large", "one way", "one in a hundred", "long tail"]
)
def test_coverage_of_a_mean(kind: str, n: int) -> None:
    rng, total, draws = np.random.default_rng(n), 10_000, 1000
    changes = changes_of(kind, rng, total)
    hits = 0
    for _ in range(draws):
        seen = rng.choice(changes, n, replace=False, shuffle=False)
        within, _ = paired_mean(seen, total, 1.0)
        hits += within.low <= changes.mean() <= within.high
    assert hits / draws >= 0.945 - 3 * math.sqrt(0.945 * 0.055 / draws)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_coverage_of_wilson(share: float) -> None:
    rights = np.random.default_rng(1).binomial(500, share, DRAWS)
    hits = [wilson(right / 500, 500) for right in rights]
    covered = np.mean([low <= share <= high for low, high in hits])
    assert covered >= 0.935


@pytest.mark.parametrize("n", [30, 300, 3000])
@pytest.mark.parametrize("kind", ["pixels", "steps", "rare", "answers"])
def test_coverage_where_samples_are_right_in_part(kind: str, n: int) -> None:
    rng = np.random.default_rng(n)
    mean, draw = {
        "pixels": (0.95, lambda: rng.beta(190, 10, n)),
        "steps": (0.9, lambda: rng.binomial(10, 0.9, n) / 10),
        "rare": (0.98, lambda: np.where(rng.random(n) < 0.02, 0.0, 1.0 - 1e-9)),
        "answers": (0.9, lambda: (rng.random(n) < 0.9).astype(float)),
    }[kind]
    hits, widths = [], []
    for _ in range(1000):
        shares = draw()
        low, high = wilson(shares.mean(), answers_in(shares, n))
        hits.append(low <= mean <= high)
        widths.append(high - low)
    assert np.mean(hits) >= 0.945 - 3 * math.sqrt(0.945 * 0.055 / 1000)
    plain = wilson(mean, n)
    share = np.mean(widths) / (plain.high - plain.low)
    if kind in ("pixels", "steps"):
        assert share < 0.65
    else:
        assert share == pytest.approx(1, abs=0.05)
