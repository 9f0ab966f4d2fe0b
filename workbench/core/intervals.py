"""Intervals of a score: its own, and that of its paired difference to the original.

Every interval is a nominal 95 % one. Where few answers flip a plain paired interval
covers too little, so one flip is added each way (Agresti and Min 2005, Statistics in
Medicine 24, 729). Samples may be drawn more densely where flips are likely: then every
stratum counts by its size, and the added flips lie where unseen ones are to be
expected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workbench.core.measurement import Difference

if TYPE_CHECKING:
    from numpy.typing import NDArray

Z = 1.959964
# Standard errors to either side where flips are counted: 1.96 covered 0.94 to 0.95 at
# large changes, 2 covers more than 0.945 there.
_ERRORS = 2.0


class Interval(NamedTuple):
    """Both ends."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Flips:
    """Answers that flipped among the samples seen so far, by stratum.

    Attributes:
        sizes: Samples of each stratum, float64 (k,).
        seen: How many of them were drawn at random, (k,).
        lost: Answers among those that were right in the original and are wrong, (k,).
        won: The reverse, (k,).
        chances: How likely a flip is in each stratum, (k,), on any scale.
    """

    sizes: NDArray[np.float64]
    seen: NDArray[np.float64]
    lost: NDArray[np.float64]
    won: NDArray[np.float64]
    chances: NDArray[np.float64]


class Paired(NamedTuple):
    """A difference to the original on the same samples.

    Attributes:
        within: On all samples, of which some were seen: no width once all are.
        sampled: For samples of the same kind still to come.
    """

    within: Difference
    sampled: Difference


def wilson(share: float, n: int) -> Interval:
    """Wilson's score interval of a share.

    Args:
        share: Fraction of right answers among `n`, 0 to 1. For answers that are right
            in part the interval is too wide rather than too narrow.
        n: Number of samples, at least 1.
    """
    spread = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    centre = share + Z * Z / (2 * n)
    scale = 1 + Z * Z / n
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return Interval(min(max(low, 0.0), share), max(min(high, 1.0), share))


def student(values: NDArray[np.floating]) -> Interval:
    """Student's t interval of a mean; without ends for a single value.

    Args:
        values: Any numbers, (n,).
    """
    mean, half = float(np.mean(values, dtype=np.float64)), _half(values)
    return Interval(mean - half, mean + half)


def paired_flips(flips: Flips) -> Paired:
    """The difference of an accuracy, from the answers that flipped.

    ``sum_h W_h (won_h - lost_h) / seen_h`` with a variance of
    ``sum_h W_h**2 (1 - f_h) v_h / seen_h``: ``W_h`` is the weight of a stratum, ``f_h``
    the fraction of it that was seen, ``v_h`` the variance with the added flips. What
    the whole test set leaves open for other samples comes on top in `sampled`.
    """
    total = float(flips.sizes.sum())
    weights, unseen = flips.sizes / total, 1 - flips.seen / flips.sizes
    seen = np.maximum(flips.seen, 1)
    added = _added(flips, unseen)
    lost = (flips.lost + added) / (seen + 2 * added)
    won = (flips.won + added) / (seen + 2 * added)
    known = (flips.won - flips.lost) / seen
    value = float(weights @ known)
    centre = float(weights @ ((1 - unseen) * known + unseen * (won - lost)))
    variances = lost + won - (won - lost) ** 2
    errors = max(_ERRORS, t_quantile(max(int(flips.seen.sum()) - 1, 1)))
    half = errors * math.sqrt(float(weights**2 * unseen @ (variances / seen)))
    if unseen.any():
        # What is not known yet are whole flips.
        half += 0.5 / total
    n, flipped = total + 4, float(flips.sizes @ ((flips.lost + flips.won) / seen)) + 2
    variance = (flipped / n - (value * total / n) ** 2) / n
    return Paired(
        _around(value, centre, half),
        _around(
            value, centre * total / n, math.hypot(half, _ERRORS * math.sqrt(variance))
        ),
    )


def paired_mean(
    changes: NDArray[np.floating], total: int, *, is_share: bool = False
) -> Paired:
    """The difference of a mean, from the change of each sample seen.

    Args:
        changes: New result minus the original's, (n,), drawn at random.
        total: Samples in all, at least n.
        is_share: Whether results lie in [0, 1]: then a change by 1 is added each way,
            and two of none, as for flips.
    """
    n, value = len(changes), float(np.mean(changes, dtype=np.float64))
    smoothed = np.append(changes, _ADDED_CHANGES) if is_share else changes
    centre, half = float(np.mean(smoothed, dtype=np.float64)), _half(smoothed)
    unseen = 1 - n / total
    inner = 0.0 if n == total else half * math.sqrt(unseen)
    limit = 1.0 if is_share else math.inf
    return Paired(
        _around(value, (1 - unseen) * value + unseen * centre, inner, limit),
        _around(value, centre, half, limit),
    )


def widened(interval: Interval, value: float, difference: Difference) -> Interval:
    """An interval of a value that is itself not known better than a difference is.

    Args:
        interval: Around `value`.
        value: The value.
        difference: Whose ends add to those of the interval, independently.
    """
    down = math.hypot(value - interval.low, difference.value - difference.low)
    up = math.hypot(interval.high - value, difference.high - difference.value)
    return Interval(value - down, value + up)


def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, expanded in 1/freedom (Cornish and Fisher).

    Args:
        freedom: Degrees of freedom, at least 1; the first come from a table, as the
            expansion is good to 0.002 from 6 on.
    """
    table = (12.7062, 4.30265, 3.18245, 2.77645, 2.57058)
    if freedom <= len(table):
        return table[freedom - 1]
    terms = (
        (Z**3 + Z) / 4,
        (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96,
        (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384,
    )
    return Z + sum(term / freedom**i for i, term in enumerate(terms, 1))


def _added(flips: Flips, unseen: NDArray[np.float64]) -> NDArray[np.float64]:
    """One flip, spread over what was not seen whole, by the flips to be expected."""
    # What nothing was drawn of is no better known than by one sample.
    seen = np.maximum(flips.seen, 1)
    for spread in (unseen * seen * flips.chances, unseen * flips.sizes):
        if spread.sum() > 0:
            return spread / spread.sum()
    return np.zeros_like(unseen)


def _half(values: NDArray[np.floating]) -> float:
    """Half the width of the t interval of a mean."""
    if len(values) == 1:
        return math.inf
    deviation = float(np.std(values, ddof=1, dtype=np.float64))
    return t_quantile(len(values) - 1) * deviation / math.sqrt(len(values))


def _around(value: float, centre: float, half: float, limit: float = 1.0) -> Difference:
    """An interval that holds the value and ends at the limit."""
    low = min(max(centre - half, -limit), value)
    return Difference(value, low, max(min(centre + half, limit), value))


_ADDED_CHANGES = (1.0, -1.0, 0.0, 0.0)
