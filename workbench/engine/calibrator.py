"""Calibration: what the activations of the original look like, on training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workbench.core.activations import Observed
from workbench.core.errors import UserError
from workbench.engine.batching import samples_for
from workbench.engine.fake_quantization import wrap
from workbench.engine.forward import Cost, traced
from workbench.engine.layers import clone, pack
from workbench.engine.live import cast_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.engine.workload import Workload

BINS = 2048
SAMPLES = 1024
_BATCH = 32
_FEWEST = 256
# Multiply-accumulates of each run: some ten seconds on two cores.
_WORK = 1_000_000_000_000


class Calibrator:
    """Ranges and histograms of every place where activations can be quantized.

    Training samples run twice through the original in small batches: once for the
    ranges and once for the histograms on them, so that memory does not grow with the
    samples. A large model sees fewer of them.

    Args:
        workload: The model and its data.

    Attributes:
        seen: What was observed, by path of the place; empty before a run is through. A
            place that cannot be observed, or held no finite values, is not in it.

    Raises:
        UserError: If there are no training data: test data are for the score alone.
    """

    def __init__(self, workload: Workload) -> None:
        """Nothing runs yet."""
        if workload.data.train is None:
            raise UserError("evaluate.no_training_data")
        self._workload = workload
        self._train = workload.data.train
        self.seen: Mapping[str, Observed] = {}

    def run(
        self, samples: int | None = None, seed: int = 0
    ) -> Generator[float, None, None]:
        """Observe; closing the generator stops it.

        Args:
            samples: How many training samples to draw at most; None for `SAMPLES`, or
                as many as take some ten seconds.
            seed: Of the draw.

        Yields:
            Progress from 0 to 1.
        """
        observing = _Observing(self._workload, self._train.x)
        cost = observing.cost
        if samples is None:
            samples = samples_for(_WORK, _FEWEST, SAMPLES, cost.work)
        batches = self._train.drawn(samples, min(_BATCH, cost.rows), seed)
        work = 2 * len(batches)
        for done, rows in enumerate(batches):
            observing.range(self._batch(rows))
            yield done / work
        for done, rows in enumerate(batches, len(batches)):
            observing.count(self._batch(rows))
            yield done / work
        self.seen = observing.observed(sum(map(len, batches)))
        yield 1.0

    def _batch(self, rows: NDArray[np.int64]) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(array[rows]) for array in self._train.x]


class _Observing:
    """A copy of the original that tells what passes through its places.

    Attributes:
        cost: What a sample costs.
    """

    def __init__(self, workload: Workload, x: Sequence[NDArray[Any]]) -> None:
        self._model = clone(workload.model)
        self._paths = [place.site.path for place in workload.places]
        self._passing: dict[str, list[tf.Tensor]] = {}
        changes = {path: self._watch(path) for path in self._paths}
        self._inputs = wrap(self._model, workload.places, changes)
        self._ranges: dict[str, tuple[float, float]] = {}
        self._counts: dict[str, NDArray[np.float64]] = {}
        self._range_of = traced(self._ends, x)
        self.cost = Cost(self._range_of, x, self._model)
        self._count_of = tf.function(
            self._histograms, autograph=False, reduce_retracing=True
        )

    def range(self, x: Sequence[tf.Tensor]) -> None:
        """Widen the ranges by a batch."""
        for path, ends in self._range_of(*x).items():
            low, high = (float(end) for end in ends.numpy())
            known = self._ranges.get(path, (low, high))
            # Not min and max: a NaN must stay.
            self._ranges[path] = (
                float(np.minimum(low, known[0])),
                float(np.maximum(high, known[1])),
            )

    def count(self, x: Sequence[tf.Tensor]) -> None:
        """Count a batch into the histograms."""
        ranges = {path: _widened(*ends) for path, ends in self._ranges.items()}
        for path, counts in self._count_of(x, ranges).items():
            known = self._counts.get(path, 0.0)
            self._counts[path] = known + counts.numpy().astype(np.float64)

    def observed(self, samples: int) -> dict[str, Observed]:
        """What was seen at the places that held finite values."""
        return {
            path: Observed(*self._ranges[path], counts, samples)
            for path, counts in self._counts.items()
            if np.isfinite(self._ranges[path]).all()
        }

    def _ends(self, *x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {path: _ends_of(values) for path, values in self._run(x).items()}

    def _histograms(
        self, x: Sequence[tf.Tensor], ranges: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        return {
            path: tf.histogram_fixed_width(_finite(values), ranges[path], BINS)
            for path, values in self._run(x).items()
        }

    def _run(self, x: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        """What passes each place in one batch, flat; inside a graph."""
        self._passing.clear()
        self._graph: Any = tf.compat.v1.get_default_graph()
        inputs = cast_inputs(self._model, x)
        for index, watch in self._inputs.items():
            watch(inputs[index])
        self._model(pack(self._model, inputs), training=False)
        return {path: tf.concat(v, 0) for path, v in self._passing.items()}

    def _watch(self, path: str) -> Callable[[tf.Tensor], tf.Tensor]:
        def watch(x: tf.Tensor) -> tf.Tensor:
            # Within a loop of its own a tensor cannot be reached from outside.
            if x.graph is self._graph:
                flat = tf.reshape(tf.cast(x, tf.float32), [-1])
                self._passing.setdefault(path, []).append(flat)
            return x

        return watch


def _ends_of(values: tf.Tensor) -> tf.Tensor:
    """Smallest and largest value; NaN if any is not finite."""
    ends = tf.stack([tf.reduce_min(values), tf.reduce_max(values)])
    is_finite = tf.reduce_all(tf.math.is_finite(values))
    return tf.where(is_finite, ends, float("nan"))


def _finite(values: tf.Tensor) -> tf.Tensor:
    """Zero for what is not finite; a place that holds any is left out in the end."""
    return tf.where(tf.math.is_finite(values), values, 0.0)


def _widened(low: float, high: float) -> tf.Tensor:
    """A range that TensorFlow takes for a histogram: finite and not empty."""
    if not np.isfinite([low, high]).all():
        low, high = 0.0, 1.0
    return tf.constant([low, high if high > low else low + max(1.0, abs(low))])
