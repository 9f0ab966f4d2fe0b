"""In which order test samples are evaluated, so that the first ones say the most.

Answers that the original gave with a small margin are the ones that flip. They are
drawn more densely: six strata by the margin, the narrower the smaller it is, sampled at
rates that fall from 10 to 1. After a small change what is open lies in a few hundredths
of the samples, so that the first intervals are half as wide as with four equal strata;
where a large change flips answers everywhere they are a tenth wider. Every prefix of
the order is such a sample.

Unseen answers are taken to move as the seen ones do. Where one in a hundred flips
whatever its margin was, the first hundred samples may not show it, and their intervals
cover less than they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.intervals import Flips
from workbench.engine.metrics import Accuracy, Metric, Output

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Share of the samples, those of smaller margins first, and how densely each is drawn.
_STRATA = ((0.02, 10), (0.03, 7), (0.05, 5), (0.15, 2.4), (0.25, 1.4), (0.5, 1))
# How many samples the moves of all strata count for among those of one.
_PRIOR = 4
_NODES = 8
_TINY = 1e-30
_FAR = 100.0


@dataclass(frozen=True, eq=False)
class Order:
    """An order over a test set.

    Attributes:
        samples: Test-set indices in the order of evaluation, (n,).
        strata: Stratum of each of `samples`, (n,).
        distances: How far each of `samples` was from the other answer in the original,
            in logits, (n,); None where the metric has no margin. Then there is one
            stratum.
    """

    samples: NDArray[np.int64]
    strata: NDArray[np.int64]
    distances: NDArray[np.float32] | None

    @classmethod
    def of(cls, distances: NDArray[np.float32] | None, total: int, seed: int) -> Order:
        """The order for given distances, (total,) in test-set order."""
        rng = np.random.default_rng(seed)
        if distances is None or total < len(_STRATA):
            none = np.zeros(total, np.int64)
            return cls(rng.permutation(total), none, None)
        ranks = np.empty(total, np.int64)
        ranks[np.lexsort((rng.random(total), distances))] = np.arange(total)
        ends = np.cumsum([share for share, _ in _STRATA])[:-1]
        strata = np.searchsorted(ends, (ranks + 0.5) / total)
        times = np.empty(total)
        for stratum, (_, rate) in enumerate(_STRATA):
            members = rng.permutation(np.flatnonzero(strata == stratum))
            places = np.arange(len(members)) + 0.5
            times[members] = places / (rate * max(len(members), 1))
        samples = np.argsort(times, kind="stable")
        return cls(samples, strata[samples], distances[samples])

    def flips(
        self, changes: NDArray[np.float32], moves: NDArray[np.float32] | None
    ) -> Flips:
        """The flips among the first samples.

        Args:
            changes: New result minus the original's of each: -1, 0 or 1.
            moves: How much each came closer to the other answer, in logits; None where
                that is not known.
        """
        seen = self.strata[: len(changes)]
        k = int(self.strata.max()) + 1
        counts = (
            np.bincount(self.strata, minlength=k),
            np.bincount(seen, minlength=k),
            np.bincount(seen, changes < 0, minlength=k),
            np.bincount(seen, changes > 0, minlength=k),
        )
        sizes, drawn, lost, won = (count.astype(np.float64) for count in counts)
        chances = self._chances(seen, moves, k)
        return Flips(sizes, drawn, lost, won, chances)

    def _chances(
        self, seen: NDArray[np.int64], moves: NDArray[np.float32] | None, k: int
    ) -> NDArray[np.float64]:
        """Chance of a flip in each stratum if unseen samples move as the seen ones did.

        Moves are taken for a Student t of 4 degrees of freedom, whose tails are heavy.
        """
        if moves is None:
            return np.ones(k)
        # A broken network answers NaN: its moves are as long as they can be.
        lengths = np.where(np.isfinite(moves), moves, _FAR).astype(np.float64)
        squares = np.bincount(seen, lengths**2, minlength=k)
        drawn = np.bincount(seen, minlength=k)
        everywhere = squares.sum() / len(seen)
        spread = np.sqrt((squares + _PRIOR * everywhere) / (drawn + _PRIOR))
        nodes = self._nodes / np.maximum(spread, _TINY)[:, None]
        # With s = t / sqrt(4 + t**2) the tail is (1 - s)**2 (2 + s) / 4; 1 - s is
        # written without a difference, which would leave rounding noise far out.
        sines = nodes / np.sqrt(4 + nodes**2)
        gaps = 4 / ((4 + nodes**2) * (1 + sines))
        return (gaps**2 * (2 + sines) / 4).mean(axis=1)

    @cached_property
    def _nodes(self) -> NDArray[np.float64]:
        """Some distances of each stratum, evenly over its ranks, (k, nodes)."""
        assert self.distances is not None
        places = np.linspace(0.05, 0.95, _NODES)
        strata = range(int(self.strata.max()) + 1)
        values = (self.distances[self.strata == number] for number in strata)
        return np.array([np.quantile(each, places) for each in values], np.float64)


def margins(
    metric: Metric, y_true: NDArray[Any], y_pred: Output
) -> NDArray[np.float32] | None:
    """How far answers are from right to wrong (positive) or wrong to right, in logits.

    Args:
        metric: The score.
        y_true: Labels of n samples.
        y_pred: The model's output for them.

    Returns:
        Shape (n,); None where a sample has no single right class.
    """
    true = metric.true_classes(y_true)
    if true is None or not isinstance(metric, Accuracy):
        return None
    values = np.asarray(y_pred, np.float32)
    if metric.task == "binary":
        values = values.reshape(len(values))
        if not metric.from_logits:
            values = _log(values) - _log(1 - values)
        return np.where(true == 1, values, -values)
    if not metric.from_logits and values.min() >= 0:
        values = _log(values)
    rows = np.arange(len(values))
    right = values[rows, true]
    values = values.copy()
    values[rows, true] = -np.inf
    return right - values.max(axis=1)


def _log(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.log(np.maximum(values, np.float32(_TINY)))
