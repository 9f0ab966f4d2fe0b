"""The score of a network, sharper batch by batch, paired with the original's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import UserError
from workbench.engine.cache import ActivationCache, Inputs
from workbench.engine.live import LiveModel, values_of
from workbench.engine.ordering import Order, margins
from workbench.engine.replay import Replay
from workbench.engine.scoring import Reference, alone, paired

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from workbench.core.measurement import Measurement
    from workbench.core.network import Network
    from workbench.engine.metrics import Output
    from workbench.engine.replay import Batch
    from workbench.engine.workload import Workload

CACHE_BYTES = 2**30


class Evaluator:
    """Scores networks on the test set.

    Every run goes through the test set in the same order, drawn with a seed so that
    each prefix is a sample of it, denser where the original answered with a small
    margin. A run is a generator of one measurement a batch: closing it between two
    cancels it.

    Args:
        workload: The model, its data and its metric.
        cache_bytes: Memory for activations that later runs start from.
        seed: Of the order.

    Raises:
        UserError: If there are no test data.
    """

    def __init__(
        self, workload: Workload, *, cache_bytes: int = CACHE_BYTES, seed: int = 0
    ) -> None:
        """Copy the model; nothing runs yet."""
        if workload.data.test is None or workload.metric is None:
            raise UserError("evaluate.no_test_data")
        self._test, self._metric = workload.data.test, workload.metric
        self._seed = seed
        self._live = LiveModel(workload)
        self._cache = ActivationCache(cache_bytes)
        self._replay = Replay(self._live, self._cache)
        self._original: Measurement | None = None
        self._reference: Reference | None = None
        self._inputs: Inputs | None = None

    @property
    def rows(self) -> int:
        """Samples that are run at once from the inputs on."""
        return self._live.rows

    @property
    def cache_bytes(self) -> int:
        """Memory that activations may take."""
        return self._cache.limit

    @property
    def cached_bytes(self) -> int:
        """Memory that activations take now."""
        return self._cache.nbytes

    def original(self, *, limit: int | None = None) -> Measurement:
        """The original's score; kept once the whole test set was seen.

        Args:
            limit: Only the first so many samples of the test set.

        Raises:
            UserError: If the limit is less than 1.
        """
        *_, last = self.run_original(limit=limit)
        return last

    def run_original(
        self, *, limit: int | None = None
    ) -> Generator[Measurement, None, None]:
        """The same, batch by batch; a single measurement where it is known already.

        Args:
            limit: As for `original`.
        """
        total = len(self._test)
        if self._original is not None and limit is None:
            yield self._original
            return
        samples = self._samples(limit)
        results = np.empty(len(samples), np.float32)
        distances = np.full(len(samples), np.nan, np.float32)
        for batch in self._replay.run(
            None, self._inputs_for(samples), len(samples), is_kept=False
        ):
            rows = slice(batch.start, batch.stop)
            y_true, y_pred = self._answers(batch, samples)
            results[rows] = self._metric.results(y_true, y_pred)
            near = margins(self._metric, y_true, y_pred)
            distances[rows] = np.nan if near is None else near
            seen = batch.stop
            measured = alone(self._metric.info, results[:seen], samples[:seen], total)
            if seen == total and limit is None:
                self._keep(measured, samples, distances)
            yield measured

    def run(
        self, network: Network, *, limit: int | None = None
    ) -> Generator[Measurement, None, None]:
        """Score a network, the original first where it is not known yet.

        Args:
            network: Of this workload.
            limit: Only the first so many samples of the test set, in its own order. As
                they are no sample of it, `within` is None.

        Yields:
            A measurement after the first 224 samples or fewer, then after each batch;
            the last one is exact.

        Raises:
            UserError: If the limit is less than 1.
        """
        if limit is not None:
            yield from self._run_limited(network, limit)
            return
        self.original()
        reference, inputs = self._known()
        yield from self._run(network, reference, inputs, is_kept=True)

    def _run_limited(
        self, network: Network, limit: int
    ) -> Generator[Measurement, None, None]:
        samples, total = self._samples(limit), len(self._test)
        original = self.original(limit=limit).results[samples]
        order = Order.given(samples, original)
        reference = Reference(self._metric.info, original, order)
        inputs = self._inputs_for(samples)
        for measured in self._run(network, reference, inputs, is_kept=False):
            results = np.full(total, np.nan, np.float32)
            results[samples] = measured.results
            yield replace(measured, within=None, total=total, results=results)

    def _run(
        self, network: Network, reference: Reference, inputs: Inputs, *, is_kept: bool
    ) -> Generator[Measurement, None, None]:
        samples = reference.order.samples
        results = np.empty(len(samples), np.float32)
        for batch in self._replay.run(network, inputs, len(samples), is_kept=is_kept):
            rows = slice(batch.start, batch.stop)
            results[rows] = self._metric.results(*self._answers(batch, samples))
            yield paired(reference, results[: batch.stop])

    def _known(self) -> tuple[Reference, Inputs]:
        """The original's results, and the inputs, in the order of evaluation."""
        assert self._reference is not None
        if self._inputs is None:
            self._inputs = self._inputs_for(self._reference.order.samples)
        return self._reference, self._inputs

    def _keep(
        self,
        measured: Measurement,
        samples: NDArray[np.int64],
        distances: NDArray[np.float32],
    ) -> None:
        near = np.empty_like(distances)
        near[samples] = distances
        known = None if np.isnan(near).any() else near
        order = Order.of(measured.results, known, self._seed)
        results = measured.results[order.samples]
        self._reference = Reference(self._metric.info, results, order)
        self._original = measured

    def _samples(self, limit: int | None) -> NDArray[np.int64]:
        """Test-set indices: all, mixed, or the first ones."""
        total = len(self._test)
        if limit is None:
            return np.random.default_rng(self._seed).permutation(total)
        if limit < 1:
            raise UserError("evaluate.limit", received=limit)
        return np.arange(min(limit, total))

    def _inputs_for(self, samples: NDArray[np.int64]) -> Inputs:
        return Inputs(self._test.x, samples, self._live.rows)

    def _answers(
        self, batch: Batch, samples: NDArray[np.int64]
    ) -> tuple[NDArray[Any], Output]:
        """What a batch should say, and what it says."""
        return self._test.y[samples[batch.start : batch.stop]], values_of(batch.outputs)
