"""Intervals of a score: its own, and that of its paired difference to the original.

Every interval is a nominal 95 % one. Right answers can only be lost and wrong ones won,
so both are counted by themselves, each with a limit of its own to either side, and the
difference adds the distances to the limits as independent ones (Zou and Donner 2008,
Statistics in Medicine 27, 1693).

Samples may be drawn more densely where flips are likely, but no flip among n samples
never says more than that less than 3 of n flip: half a flip is added to what was seen,
spread as the samples are and not as flips are expected. However few flips a change
makes far from the border, or wherever they lie, the interval allows for them.
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
# Flips added to those seen: with none, the limit is (sqrt(0.55) + 1)**2, or 3 of n.
_ADDED = 0.55


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
        flipped: How many of these flipped, (k,).
        is_right: Whether the original answers right in a stratum, bool (k,): there
            flips are losses, elsewhere they are gains.
    """

    sizes: NDArray[np.float64]
    seen: NDArray[np.float64]
    flipped: NDArray[np.float64]
    is_right: NDArray[np.bool_]


class Paired(NamedTuple):
    """A difference to the original on the same samples.

    Attributes:
        within: On all samples, of which some were seen: no width once all are.
        sampled: For samples of the same kind still to come.
    """

    within: Difference
    sampled: Difference


def wilson(share: float, n: float) -> Interval:
    """Wilson's score interval of a share.

    Args:
        share: Fraction of right answers among `n`, 0 to 1.
        n: Number of samples, at least 1; `answers_in` gives it where samples may be
            right in part.
    """
    spread = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    centre = share + Z * Z / (2 * n)
    scale = 1 + Z * Z / n
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return Interval(min(max(low, 0.0), share), max(min(high, 1.0), share))


def answers_in(shares: NDArray[np.floating], n: int) -> float:
    """How many answers, right or wrong, tell as much as samples that may be in between.

    As many as have the same variance of the mean (Korn and Graubard 1998, Survey
    Methodology 24, 193), a sample of 0 and one of 1 added to those seen: of one in a
    hundred that is all wrong many see nothing.

    Args:
        shares: Of each sample seen how much of it is right, 0 to 1.
        n: Number of samples.

    Returns:
        At least `n`; no more where every sample is right or wrong.
    """
    smoothed = np.append(shares, (0, 1))
    mean = float(np.mean(smoothed, dtype=np.float64))
    return n * mean * (1 - mean) / float(np.var(smoothed, dtype=np.float64))


def student(values: NDArray[np.floating]) -> Interval:
    """Student's t interval of a mean; without ends for a single value.

    Args:
        values: Any numbers, (n,).
    """
    mean, half = float(np.mean(values, dtype=np.float64)), _half(values)
    return Interval(mean - half, mean + half)


def paired_flips(flips: Flips) -> Paired:
    """The difference of an accuracy, from the answers that flipped.

    Of either kind ``sum_h N_h x_h / n_h`` answers are taken to have flipped, from
    ``x_h`` among the ``n_h`` samples seen of ``N_h``. What the whole test set leaves
    open for other samples comes on top in `sampled`.
    """
    total = float(flips.sizes.sum())
    lost, won = _count(flips, is_right=True), _count(flips, is_right=False)
    value = won.value - lost.value
    # What is not known yet are whole flips.
    grain = float(flips.seen.sum() < total)
    low = value - math.hypot(lost.above, won.below) - grain
    high = value + math.hypot(lost.below, won.above) + grain
    low, high = max(low, won.least - lost.most), min(high, won.most - lost.least)
    losses, gains = _drawn(lost.value, total), _drawn(won.value, total)
    # A sample that is lost is not won: the counts are not independent.
    shared = _ERRORS * math.sqrt(2 * lost.value * won.value / total)
    down = math.hypot(value - low, losses.above, gains.below, shared)
    up = math.hypot(high - value, losses.below, gains.above, shared)
    return Paired(
        _around(value / total, low / total, high / total),
        _around(value / total, (value - down) / total, (value + up) / total),
    )


def paired_mean(
    changes: NDArray[np.floating], total: int, scale: float, *, is_share: bool = False
) -> Paired:
    """The difference of a mean, from the change of each sample seen.

    Student's interval knows nothing of what was not seen: of one change in a hundred,
    or of a long tail. So a change is added each way, as large as the largest seen.

    Args:
        changes: New result minus the original's, (n,), drawn at random.
        total: Samples in all, at least n.
        scale: Least size of the added changes, such as how much the original's results
            differ among each other.
        is_share: Whether results lie in [0, 1].
    """
    n, value = len(changes), float(np.mean(changes, dtype=np.float64))
    unseen, limit = 1 - n / total, 1.0 if is_share else math.inf
    added = max(float(np.abs(changes).max()), scale)
    smoothed = np.append(changes, (added, -added))
    centre, half = float(np.mean(smoothed, dtype=np.float64)), _half(smoothed)
    known = (1 - unseen) * value + unseen * centre
    inner = 0.0 if n == total else half * math.sqrt(unseen)
    return Paired(
        _around(value, known - inner, known + inner, limit),
        _around(value, centre - half, centre + half, limit),
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


class _Count(NamedTuple):
    """How many answers of one kind flipped, and by how much that may be wrong."""

    value: float
    below: float
    above: float
    least: float
    most: float


class _Stratum(NamedTuple):
    """How many of the samples seen flipped; what they stand for; what is not known."""

    flipped: float
    seen: float
    size: float
    unseen: float

    @property
    def rest(self) -> _Stratum:
        """The same of the samples that did not flip."""
        return self._replace(flipped=self.seen - self.flipped)


def _count(flips: Flips, *, is_right: bool) -> _Count:
    """The flips among the answers that were right or wrong."""
    kind = flips.is_right == is_right
    columns = (flips.flipped, flips.seen, flips.sizes, flips.sizes - flips.seen)
    rows = zip(*(column[kind].tolist() for column in columns), strict=True)
    every = [_Stratum(*row) for row in rows]
    drawn = [stratum for stratum in every if stratum.seen]
    value = sum(each.flipped * (each.size / each.seen) for each in drawn)
    least = sum(each.flipped for each in drawn)
    most = least + sum(each.unseen for each in every)
    # What nothing was drawn of counts as none and may have flipped whole.
    above = _above(drawn) + sum(each.size for each in every if not each.seen)
    below = _above([each.rest for each in drawn])
    below, above = min(below, value - least), min(above, most - value)
    return _Count(value, max(below, 0.0), max(above, 0.0), least, most)


def _drawn(value: float, total: float) -> _Count:
    """A number of flips, as one draw of a test set among many."""
    one = _Stratum(value, total, total, total)
    below = min(_above([one.rest]), value)
    return _Count(value, max(below, 0.0), max(_above([one]), 0.0), 0.0, total)


def _above(strata: list[_Stratum]) -> float:
    """By how much more may have flipped than the samples let expect.

    The limit of a score interval: two standard errors, moved by how they grow with the
    number itself. A weighted sum of counts leans as its third moment says.
    """
    known = [stratum for stratum in strata if stratum.unseen]
    seen = sum(stratum.seen for stratum in known)
    more = variance = third = 0.0
    for each in known:
        added = _ADDED * each.seen / seen
        share = (each.flipped + added) / (each.seen + added)
        weight, left = each.size / each.seen, each.unseen / each.size
        part = weight**2 * left * each.seen * share * (1 - share)
        more += each.unseen * (share - each.flipped / each.seen)
        variance += part
        third += part * weight * left * (1 - 2 * share)
    if not variance:
        return more
    return more + _ERRORS * math.sqrt(variance) + _ERRORS**2 / 4 * third / variance


def _half(values: NDArray[np.floating]) -> float:
    """Half the width of the t interval of a mean."""
    if len(values) == 1:
        return math.inf
    deviation = float(np.std(values, ddof=1, dtype=np.float64))
    return t_quantile(len(values) - 1) * deviation / math.sqrt(len(values))


def _around(value: float, low: float, high: float, limit: float = 1.0) -> Difference:
    """An interval that holds the value and ends at the limit."""
    return Difference(value, min(max(low, -limit), value), max(min(high, limit), value))
