"""In which order test samples are evaluated, so that the first ones say the most.

Right answers can only be lost and wrong ones won, and those that the original gave with
a small margin flip first. So either kind is drawn from strata by the margin, the more
densely the smaller it is, and wrong answers more densely than right ones: they are few,
and what all of them could win is soon known. Every prefix of the order is such a
sample.

The rates are a choice between two needs. Drawing small margins up to ten times as
densely sharpens small changes, but leaves so few samples for the rest that flips which
do not follow the margin are known half as well; as intervals must allow for them from
the first sample on, the widths were least at rates from 5 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.intervals import Flips
from workbench.engine.metrics import Accuracy, Metric, Output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Share of the answers, those of smaller margins first, and how densely each is drawn.
_RIGHT = ((0.02, 5), (0.03, 3.5), (0.05, 2.3), (0.15, 1.3), (0.75, 1))
_WRONG = ((0.25, 5), (0.75, 3.5))
_TINY = 1e-30


@dataclass(frozen=True, eq=False)
class Order:
    """An order over a test set.

    Attributes:
        samples: Test-set indices in the order of evaluation, (n,).
        strata: Stratum of each of `samples`, (n,).
        is_right: Whether the original answers right in each stratum, (k,); True where
            results are no answers: then there is one stratum.
    """

    samples: NDArray[np.int64]
    strata: NDArray[np.int64]
    is_right: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        results: NDArray[np.float32],
        margins: NDArray[np.float32] | None,
        seed: int,
    ) -> Order:
        """The order for an original's results and margins, (n,) in test-set order."""
        rng = np.random.default_rng(seed)
        if margins is None or not are_answers(results):
            samples = rng.permutation(len(results))
            return cls.given(samples, results[samples])
        strata, times = np.empty(len(results), np.int64), np.empty(len(results))
        is_right: list[bool] = []
        for members, rate, right in _strata(rng, results, margins):
            times[members] = (np.arange(len(members)) + 0.5) / (rate * len(members))
            # One of each comes before all others, of the largest first.
            times[members[0]] = -len(members)
            strata[members] = len(is_right)
            is_right.append(right)
        samples = np.argsort(times, kind="stable")
        return cls(samples, strata[samples], np.array(is_right))

    @classmethod
    def given(cls, samples: NDArray[np.int64], results: NDArray[np.float32]) -> Order:
        """Samples that were drawn without regard to what the original says.

        Args:
            samples: Their test-set indices, in the order of evaluation.
            results: The original's, in the same order.
        """
        is_wrong = (results == 0) & are_answers(results)
        kinds = np.unique(is_wrong)
        return cls(samples, np.searchsorted(kinds, is_wrong), ~kinds)

    def flips(self, changes: NDArray[np.float32]) -> Flips:
        """The flips among the first samples.

        Args:
            changes: New result minus the original's of each: -1, 0 or 1.
        """
        seen, k = self.strata[: len(changes)], len(self.is_right)
        counts = (
            np.bincount(self.strata, minlength=k),
            np.bincount(seen, minlength=k),
            np.bincount(seen, changes != 0, minlength=k),
        )
        sizes, drawn, flipped = (count.astype(np.float64) for count in counts)
        return Flips(sizes, drawn, flipped, self.is_right)


def are_answers(results: NDArray[np.float32]) -> bool:
    """Whether each sample is either right or wrong."""
    return bool(np.all((results == 0) | (results == 1)))


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


def _strata(
    rng: np.random.Generator,
    results: NDArray[np.float32],
    margins: NDArray[np.float32],
) -> Iterator[tuple[NDArray[np.int64], float, bool]]:
    """Each stratum's samples, mixed, with its density and whether they are right."""
    for is_right, plan in ((True, _RIGHT), (False, _WRONG)):
        members = np.flatnonzero((results == 1) == is_right)
        ranks = np.lexsort((rng.random(len(members)), np.abs(margins[members])))
        ends = np.cumsum([share for share, _ in plan])[:-1] * len(members)
        parts = np.split(members[ranks], np.round(ends).astype(np.int64))
        for part, (_, rate) in zip(parts, plan, strict=True):
            if len(part):
                yield rng.permutation(part), rate, is_right
