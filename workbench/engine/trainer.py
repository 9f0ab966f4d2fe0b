"""Retraining a compressed network, its masks and grids held at every step."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import UserError
from workbench.core.measurement import Progress, Retrained
from workbench.engine import schedule
from workbench.engine.adam import corrected
from workbench.engine.batch_norm import freeze_statistics
from workbench.engine.pace import Pace
from workbench.engine.prediction import Predictor
from workbench.engine.student import Student
from workbench.engine.teacher import teacher
from workbench.engine.training_loop import TrainingLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from workbench.core.network import Network
    from workbench.core.recipe import Recipe, Retraining
    from workbench.engine.workload import Workload

FREEZE_AT = 2 / 3
SAY_S = 0.1


class Trainer:
    """Retrains networks of a workload.

    Args:
        workload: The model, its training data, loss and metric.
    """

    def __init__(self, workload: Workload) -> None:
        """Nothing is computed before a run."""
        self._workload = workload

    def run(
        self,
        network: Network,
        retraining: Retraining,
        *,
        recipe: Recipe,
        start: Retrained | None = None,
        seed: int = 0,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Progress]:
        """Retrain a network on the training data, a tenth of it held out.

        Args:
            network: Masks, codes and activation grids to hold.
            retraining: How.
            recipe: What the result is recorded under.
            start: A retraining to go on from, with the network's masks and codes; None
                starts from the network.
            seed: Of the split, the shuffles and dropout.
            should_stop: Asked between calls of at most about 0.1 s; once it says yes,
                the weights so far are scored and the run ends.

        Returns:
            Progress at most ten times a second; `best` comes with every epoch that
            is the best so far, and with the last.

        Raises:
            UserError: If there are no training samples or no loss; later, if the loss
                is no number any more.
        """
        if self._workload.data.train is None:
            raise UserError("train.no_data")
        if self._workload.loss is None:
            raise UserError("train.no_loss")
        wish = _Wish(network, retraining, recipe, start, seed)
        return _Run(self._workload, wish, should_stop).progress()


@dataclass(frozen=True, eq=False)
class _Wish:
    """What a run was asked for."""

    network: Network
    retraining: Retraining
    recipe: Recipe
    start: Retrained | None
    seed: int


class _Run:
    """One retraining."""

    def __init__(
        self, workload: Workload, wish: _Wish, should_stop: Callable[[], bool]
    ) -> None:
        train, metric = workload.data.train, workload.metric
        assert train is not None
        assert metric is not None
        self._workload, self._wish = workload, wish
        self._should_stop = should_stop
        self._train, self._metric = train, metric
        self._rng = np.random.default_rng(wish.seed)
        self._kept, self._held = schedule.split(len(train), self._rng)
        self._steps = schedule.steps(len(self._kept), wish.retraining.batch_size)
        total = self._steps * wish.retraining.epochs
        peak = wish.retraining.learning_rate
        self._rates = corrected(schedule.learning_rates(total, peak))
        self._freeze_at = math.ceil(FREEZE_AT * total)
        sample_bytes = sum(part[:1].nbytes for part in (*train.x, train.y))
        step_bytes = wish.retraining.batch_size * sample_bytes
        self._pace = Pace(total, wish.retraining.epochs, step_bytes)
        self._best: Retrained | None = None
        self._began = time.monotonic()

    def progress(self) -> Iterator[Progress]:
        wish, workload = self._wish, self._workload
        self._student = Student(workload, wish.network, wish.start, wish.seed)
        self._teacher = teacher(workload, self._batch, self._should_stop)
        self._loop = TrainingLoop(
            self._student.model,
            tuple(self._student.kernels.values()),
            workload.loss,
            from_logits=self._teacher and self._teacher.from_logits,
        )
        for epoch in range(1, wish.retraining.epochs + 1):
            tally = _Tally(epoch)
            yield from self._epoch(tally)
            self._loop.check()
            best = self._score(tally)
            is_last = epoch == wish.retraining.epochs or self._should_stop()
            yield self._said(tally, best or (self._best if is_last else None), is_last)
            if is_last:
                return

    def _epoch(self, tally: _Tally) -> Iterator[Progress]:
        """Train for an epoch; ends early where it should stop."""
        size = self._wish.retraining.batch_size
        order = schedule.batches(self._kept, size, self._rng)
        first = (tally.epoch - 1) * self._steps
        while tally.step < self._steps and not self._should_stop():
            at = first + tally.step
            ...
