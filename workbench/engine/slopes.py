"""Gradients of the loss on training samples, for the channels that may go.

A copy of the original runs in small batches. Of each kernel that takes channels the sum
of gradient times weight is kept for each of them, not the gradients themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workbench.core.groups import groups_of
from workbench.core.slopes import Slopes
from workbench.engine.batching import samples_for
from workbench.engine.distillation import plain_loss
from workbench.engine.layers import called, clone, variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.core.tensor import Site
    from workbench.engine.workload import Workload

SAMPLES = 512
# A mean over many samples hides what single ones say.
BATCH = 4
_FEWEST = 64
# Multiply-accumulates of a run: some seconds on two cores.
_WORK = 200_000_000_000
_PASSES = 3


class SlopeCalibrator:
    """How the loss hangs on every channel that may go.

    Args:
        workload: The model and its data.
        sites: Its kernels.

    Attributes:
        sites: The kernels, after a run those that take channels with their `Slopes`;
            all as they were where the model has no such channels, no training data or
            no loss.
    """

    def __init__(self, workload: Workload, sites: Sequence[Site]) -> None:
        """Nothing runs yet."""
        self._workload = workload
        self.sites = tuple(sites)

    def run(self, seed: int = 0) -> Iterator[float]:
        """Add up; closing the iterator stops it.

        Args:
            seed: Of the draw of samples.

        Yields:
            Progress from 0 to 1.
        """
        taken, train = _taken(self.sites), self._workload.data.train
        if not taken or train is None or self._workload.loss is None:
            return
        work = _PASSES * sum(site.macs or 0 for site in self.sites)
        samples = samples_for(_WORK, _FEWEST, SAMPLES, work)
        sums = _Sums(self._workload, taken)
        batches = train.drawn(samples, BATCH, seed)
        for done, rows in enumerate(batches):
            if len(rows) == BATCH:
                sums.add([array[rows] for array in train.x], train.y[rows])
            yield done / len(batches)
        found = sums.slopes()
        self.sites = tuple(
            replace(site, slopes=found.get(site.path)) for site in self.sites
        )
        yield 1.0


def _taken(sites: Sequence[Site]) -> list[tuple[str, int]]:
    """Kernel and axis of every place where channels enter."""
    paths = {site.path for site in sites}
    return sorted(
        {
            (part.path, part.axis)
            for group in groups_of(sites)
            for part in group.parts
            if part.role == "takes" and part.path in paths
        }
    )


class _Sums:
    """Gradient times weight along axes of kernels, batch by batch."""

    def __init__(self, workload: Workload, taken: Sequence[tuple[str, int]]) -> None:
        self._model, self._loss = clone(workload.model), workload.loss
        found = variables(self._model)
        self._values = {path: found[path].value for path, _ in taken}
        self._taken = taken
        self._run = tf.function(self._of_batch, autograph=False)
        self._seen: list[list[Any]] = []

    def add(self, x: list[Any], y: Any) -> None:
        """Take a batch into account."""
        arrays = [tf.convert_to_tensor(part) for part in x]
        sums = self._run(arrays, tf.convert_to_tensor(y))
        self._seen.append([part.numpy() for part in sums])

    def slopes(self) -> dict[str, Slopes]:
        """What was seen, by path."""
        along: dict[str, dict[int, Any]] = {}
        columns = zip(*self._seen, strict=True)
        for (path, axis), batches in zip(self._taken, columns, strict=True):
            along.setdefault(path, {})[axis] = np.stack(batches)
        return {path: Slopes(axes) for path, axes in along.items()}

    def _of_batch(self, x: list[tf.Tensor], y: tf.Tensor) -> list[tf.Tensor]:
        assert self._loss is not None
        with tf.GradientTape() as tape:
            tape.watch(list(self._values.values()))
            said = called(self._model, x)
            loss = plain_loss(self._loss, y, said)
        slopes: Any = tape.gradient(loss, self._values)
        sums: list[tf.Tensor] = []
        for path, axis in self._taken:
            weights: Any = tf.cast(self._values[path], tf.float32)
            slope = slopes[path]
            if slope is None:
                slope = tf.zeros_like(weights)
            product = weights * tf.cast(tf.convert_to_tensor(slope), tf.float32)
            others = [a for a in range(len(weights.shape)) if a != axis]
            sums.append(tf.reduce_sum(product, others))
        return sums
