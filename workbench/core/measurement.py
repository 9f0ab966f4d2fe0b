"""What an evaluation says: a score, its intervals, and the paired difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from workbench.core.network import Network
    from workbench.core.quantity import Provenance
    from workbench.core.recipe import Recipe


@dataclass(frozen=True)
class Difference:
    """A score minus the original's on the same samples.

    Attributes:
        value: The difference, in units of the score.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Measurement:
    """A score on the first `seen` of `total` test samples, in a fixed order.

    Attributes:
        score: Mean of the per-sample results.
        low: Lower end of the 95 % sampling interval of the score.
        high: Upper end.
        difference: Paired with the original, with its sampling interval; None for
            the original itself.
        within: Where the difference on all `total` samples lies with 95 %; zero
            width once all are seen. None for the original itself.
        seen: Samples evaluated so far.
        total: Samples in the test set.
        turned_wrong: Answers right in the original and wrong now; None where the
            metric has no right and wrong.
        turned_right: The reverse.
        results: Per-sample results in test-set order, NaN where not seen yet,
            float32 (total,).
        provenance: ``simulated`` in TensorFlow, or ``measured`` in another runtime.
    """

    score: float
    low: float
    high: float
    difference: Difference | None
    within: Difference | None
    seen: int
    total: int
    turned_wrong: int | None
    turned_right: int | None
    results: NDArray[np.float32]
    provenance: Provenance = "simulated"

    @property
    def is_exact(self) -> bool:
        """Whether every sample was seen."""
        return self.seen == self.total


@dataclass(frozen=True)
class MetricInfo:
    """What a score means.

    Attributes:
        name: Such as ``accuracy``.
        higher_is_better: Its direction.
        is_accuracy: Whether per-sample results are right (1) or wrong (0), or for a
            sequence output the fraction of right steps.
    """

    name: str
    higher_is_better: bool = True
    is_accuracy: bool = True

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.higher_is_better else -1


@dataclass(frozen=True, eq=False)
class Retrained:
    """A network after retraining, and what continues from it.

    Attributes:
        network: The compressed network, with all other variables in `others`.
        kernels: The float weights behind it ("shadow weights"), masks applied, by
            path; a further retraining continues from them.
        recipe: The recipe it was trained for, retraining included.
        epoch: The epoch that these weights are from, counted from 1; 0 for those
            before any step.
        validation: Score on the held-out part of the training data.
    """

    network: Network
    kernels: Mapping[str, NDArray[np.float32]]
    recipe: Recipe
    epoch: int
    validation: float


@dataclass(frozen=True, eq=False)
class Progress:
    """How far a retraining is.

    Attributes:
        epoch: Current epoch, from 1.
        epochs: Epochs in all.
        step: Current step within the epoch, from 1.
        steps: Steps of an epoch.
        loss: Mean training loss of the epoch so far.
        score: Mean training score of the epoch so far, in units of the metric.
        validation: Score on held-out training data; None but at an epoch's end.
        seconds: Time since the start.
        seconds_left: Estimated time to the end.
        best: The best weights so far, set when they changed.
        is_last: Whether nothing follows: done, or stopped.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    score: float
    validation: float | None
    seconds: float
    seconds_left: float
    best: Retrained | None = None
    is_last: bool = False
