"""From per-sample results to a measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.intervals import (
    Interval,
    answers_in,
    paired_flips,
    paired_mean,
    student,
    widened,
    wilson,
)
from workbench.core.measurement import Measurement
from workbench.engine.ordering import are_answers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.measurement import MetricInfo
    from workbench.engine.ordering import Order


@dataclass(frozen=True, eq=False)
class Reference:
    """What the original said of every test sample.

    Attributes:
        info: The metric.
        results: Per-sample results in the order of evaluation.
        order: That order.
    """

    info: MetricInfo
    results: NDArray[np.float32]
    order: Order


def alone(
    info: MetricInfo,
    results: NDArray[np.float32],
    samples: NDArray[np.int64],
    total: int,
) -> Measurement:
    """A measurement with nothing to compare with.

    Args:
        info: The metric.
        results: Of the samples seen.
        samples: Their test-set indices.
        total: Samples of the test set.
    """
    score = _mean(results)
    low, high = _interval(info, results, score, len(results))
    return Measurement(
        score=score,
        low=low,
        high=high,
        difference=None,
        within=None,
        seen=len(results),
        total=total,
        turned_wrong=None,
        turned_right=None,
        results=_scattered(results, samples, total),
    )


def paired(reference: Reference, results: NDArray[np.float32]) -> Measurement:
    """A measurement of the first samples in the order of evaluation.

    The score is that of the original on the whole test set plus the difference: far
    sharper than the mean of what was seen, and that mean once everything was.

    Args:
        reference: The original.
        results: Of the samples seen so far.
    """
    order, info = reference.order, reference.info
    seen, total = len(results), len(order.samples)
    original = float(reference.results.mean(dtype=np.float64))
    changes = results - reference.results[:seen]
    is_answer = info.is_accuracy and all(map(are_answers, (reference.results, results)))
    if is_answer:
        difference = paired_flips(order.flips(changes))
    else:
        difference = paired_mean(
            changes,
            total,
            1.0 if info.is_accuracy else float(reference.results.std()),
            is_share=info.is_accuracy,
        )
    # Once all is seen: to the last digit what the network has as a model of its own.
    is_exact = seen == total
    score = _mean(results) if is_exact else original + difference.within.value
    own = _interval(info, results, score, total)
    low, high = widened(own, score, difference.within)
    return Measurement(
        score=score,
        low=low,
        high=high,
        difference=difference.sampled,
        within=difference.within,
        seen=seen,
        total=total,
        turned_wrong=int(np.sum(changes < 0)) if is_answer else None,
        turned_right=int(np.sum(changes > 0)) if is_answer else None,
        results=_scattered(results, order.samples[:seen], total),
    )


def _mean(results: NDArray[np.float32]) -> float:
    """The mean, whatever the order."""
    return math.fsum(results.tolist()) / len(results)


def _interval(
    info: MetricInfo, results: NDArray[np.float32], score: float, n: int
) -> Interval:
    """The sampling interval of a score on n samples, some of whose results we know."""
    if info.is_accuracy:
        return wilson(min(max(score, 0.0), 1.0), answers_in(results, n))
    mean = float(results.mean(dtype=np.float64))
    low, high = student(results)
    share = (len(results) / n) ** 0.5
    return Interval(score - (mean - low) * share, score + (high - mean) * share)


def _scattered(
    results: NDArray[np.float32], samples: NDArray[np.int64], total: int
) -> NDArray[np.float32]:
    """Results in test-set order, NaN where there are none yet."""
    scattered = np.full(total, np.nan, np.float32)
    scattered[samples] = results
    return scattered
