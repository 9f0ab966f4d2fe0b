"""Retraining a compressed network, its masks and grids held at every step."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workbench.core.errors import UserError
from workbench.core.measurement import Progress, Retrained
from workbench.engine import schedule
from workbench.engine.adam import corrected
from workbench.engine.losses import check_loss
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
    from workbench.engine.data import Split
    from workbench.engine.losses import Loss
    from workbench.engine.workload import Workload

SAY_S = 0.1
SCORED_AT_ONCE = (64, 512)
FEW = 5
# Standard errors by which all epochs must be worse for the start to stand: the original
# was trained on the samples that are held out now, and looks better there than it is.
WORSE = 2


class Trainer:
    """Retrains networks of a workload.

    Args:
        workload: The model, its training data, loss and metric.
    """

    def __init__(self, workload: Workload) -> None:
        """Nothing is computed before a run."""
        self._workload = workload

    def run(  # noqa: PLR0913  # what a run is asked for, by name
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
            is the best so far, and with the last. In the end it is what the run
            started from, as epoch 0, where every epoch scores worse than that by more
            than chance.

        Raises:
            UserError: If there are no training samples or no loss; later, if the loss
                does not fit labels and outputs, or is no number.
        """
        train, loss = self._workload.data.train, self._workload.loss
        if train is None:
            raise UserError("train.no_data")
        if loss is None:
            raise UserError("train.no_loss")
        wish = _Wish(network, retraining, recipe, start, seed)
        return _Run(self._workload, train, loss, wish, should_stop).progress()


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
        self,
        workload: Workload,
        train: Split,
        loss: Loss,
        wish: _Wish,
        should_stop: Callable[[], bool],
    ) -> None:
        metric = workload.metric
        assert metric is not None, "Data come with a metric."
        self._workload, self._train, self._loss = workload, train, loss
        self._metric, self._wish, self._should_stop = metric, wish, should_stop
        self._rng = np.random.default_rng(wish.seed)
        self._kept, self._held = schedule.split(len(train), self._rng)
        self._epochs = wish.retraining.epochs
        self._size = min(wish.retraining.batch_size, len(self._kept))
        self._steps = len(self._kept) // self._size
        steps = self._steps * self._epochs
        peak = wish.retraining.learning_rate
        self._rates = corrected(schedule.learning_rates(steps, peak))
        sample_bytes = sum(part[:1].nbytes for part in (*train.x, train.y))
        self._pace = Pace(steps, self._epochs + 1, self._size * sample_bytes)
        self._start: _Scored | None = None
        self._best: _Scored | None = None
        self._began = time.monotonic()

    def progress(self) -> Iterator[Progress]:
        """Train, score and say so, epoch by epoch."""
        wish, x = self._wish, self._train.x
        self._teacher = teacher(self._workload, self._scored_size, self._should_stop)
        self._student = Student(self._workload, wish.network, wish.start, wish.seed)
        self._predictor = Predictor(self._student, x)
        few = self._kept[:FEW]
        said = self._student(
            [tf.convert_to_tensor(part[few]) for part in x], training=False
        )
        check_loss(self._loss, self._train.y[few], said)
        self._loop = TrainingLoop(
            self._student,
            self._loss,
            from_logits=self._teacher and self._teacher.from_logits,
        )
        if not self._should_stop():
            self._start = self._score(0)
        for epoch in range(1, self._epochs + 1):
            tally = _Tally(epoch)
            yield from self._epoch(tally)
            self._loop.check()
            scored = self._score(epoch)
            is_better = self._best is None or scored.gain(self._best) >= 0
            if is_better:
                self._best = scored
            is_last = epoch == self._epochs or self._should_stop()
            best = self._chosen() if is_last else scored if is_better else None
            yield self._said(tally, scored, best, is_last=is_last)
            if is_last:
                return

    @property
    def _scored_size(self) -> int:
        return min(max(self._size, SCORED_AT_ONCE[0]), SCORED_AT_ONCE[1])

    def _epoch(self, tally: _Tally) -> Iterator[Progress]:
        """Train for an epoch; ends early where it should stop."""
        order = schedule.batches(self._kept, self._size, self._rng)
        first = (tally.epoch - 1) * self._steps
        said = 0.0
        while tally.step < self._steps and not self._should_stop():
            at = first + tally.step
            count = self._pace.count(self._steps - tally.step)
            self._train_on(order[tally.step :][:count], self._rates[at:][:count], tally)
            now = time.monotonic()
            if tally.step < self._steps and now - said >= SAY_S:
                said = now
                yield self._said(tally)

    def _train_on(
        self, order: NDArray[np.int64], rates: NDArray[np.float32], tally: _Tally
    ) -> None:
        train, began = self._train, time.monotonic()
        is_first = not self._loop.is_compiled
        y = train.y[order]
        taught = None if self._teacher is None else self._teacher.answers[order]
        losses, outputs = self._loop.steps(
            tuple(part[order] for part in train.x), y, taught, rates
        )
        if is_first and not np.isfinite(losses[0]):
            raise UserError("train.no_number")
        if not np.isfinite(losses).all():
            raise UserError("train.diverged", rate=self._wish.retraining.learning_rate)
        self._pace.trained(len(order), time.monotonic() - began, is_first=is_first)
        tally.add(losses, self._metric.results(*_flat(y, outputs)))

    def _score(self, epoch: int) -> _Scored:
        """Score the weights as they are."""
        began = time.monotonic()
        network = self._student.network()
        said = list(
            self._predictor.batches(self._train.x, self._held, self._scored_size)
        )
        outputs = tf.nest.map_structure(lambda *parts: np.concatenate(parts), *said)
        results = self._metric.results(self._train.y[self._held], outputs)
        self._pace.scored(time.monotonic() - began)
        score = float(results.mean(dtype=np.float64))
        weights, recipe = self._student.weights(), self._wish.recipe
        retrained = Retrained(network, weights, recipe, epoch, score)
        return _Scored(retrained, self._metric.info.sign * results)

    def _chosen(self) -> _Scored | None:
        """The best epoch, or the start where that is better by more than chance."""
        start, best = self._start, self._best
        if start is None or best is None:
            return best
        return start if best.gain(start) < -WORSE * best.error(start) else best

    def _said(
        self,
        tally: _Tally,
        scored: _Scored | None = None,
        best: _Scored | None = None,
        *,
        is_last: bool = False,
    ) -> Progress:
        return Progress(
            epoch=tally.epoch,
            epochs=self._epochs,
            step=tally.step,
            steps=self._steps,
            loss=tally.loss,
            score=tally.score,
            validation=scored and scored.retrained.validation,
            seconds=time.monotonic() - self._began,
            seconds_left=0.0 if is_last else self._pace.seconds_left(),
            best=best and best.retrained,
            is_last=is_last,
        )


@dataclass(frozen=True, eq=False)
class _Scored:
    """Weights with what they say of each held-out sample, the more the better."""

    retrained: Retrained
    results: NDArray[np.float32]

    def gain(self, other: _Scored) -> float:
        """By how much the mean result is above another's."""
        return float((self.results - other.results).mean(dtype=np.float64))

    def error(self, other: _Scored) -> float:
        """The standard error of that; 0 for a single sample."""
        gains = self.results - other.results
        return float(gains.std(dtype=np.float64)) / math.sqrt(len(gains))


class _Tally:
    """Sums over the steps of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.step = 0
        self._loss = self._score = 0.0

    def add(self, losses: NDArray[np.float32], results: NDArray[np.float32]) -> None:
        """Count some steps."""
        self.step += len(losses)
        self._loss += float(losses.sum(dtype=np.float64))
        self._score += float(results.mean(dtype=np.float64)) * len(losses)

    @property
    def loss(self) -> float:
        """Mean loss; NaN before the first step."""
        return self._loss / self.step if self.step else math.nan

    @property
    def score(self) -> float:
        """Mean score; NaN before the first step."""
        return self._score / self.step if self.step else math.nan


def _flat(y: NDArray[Any], outputs: Any) -> tuple[NDArray[Any], Any]:
    """Labels and outputs of several batches as those of one."""
    outputs = tf.nest.map_structure(
        lambda part: part.reshape(-1, *part.shape[2:]), outputs
    )
    return y.reshape(-1, *y.shape[2:]), outputs
