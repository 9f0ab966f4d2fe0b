"""Whether a file is what was simulated: its answers and its outputs.

The simulation runs in TensorFlow, the file in its own runtime, on the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.export.artifact import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from workbench.core.measurement import Measurement
    from workbench.core.network import Network
    from workbench.engine.metrics import Metric
    from workbench.engine.workload import Workload
    from workbench.export.run import Runtime

BATCH = 250
# Below this share of equal answers a file is said to differ from what was simulated.
ENOUGH = 0.999
# And above this change of a score without answers, as a part of the simulation's.
MOST_DRIFT = 0.02


@dataclass(frozen=True, eq=False)
class Parity:
    """A file against the simulation on the whole test set.

    Attributes:
        score: Of the file, paired with the original.
        agreement: Fraction of answers that are the simulation's; None where the metric
            has none.
        simulated: Score of the simulation on the same samples.
        largest_gap: Largest difference of an output.
        samples_per_second: In the fastest batch, one thread.
    """

    score: Measurement
    agreement: float | None
    simulated: float
    largest_gap: float
    samples_per_second: float

    @property
    def has_drifted(self) -> bool:
        """Whether a score without answers is another than the simulation's."""
        gap = abs(self.score.score - self.simulated)
        return self.agreement is None and gap > MOST_DRIFT * abs(self.simulated)


def compare(  # noqa: PLR0913  # what is compared with what, by name
    workload: Workload,
    network: Network,
    runtime: Runtime,
    order: Sequence[int],
    *,
    original: Measurement | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Parity | None:
    """Run file and simulation on the whole test set.

    Args:
        workload: The model and its data.
        network: What the file was made of.
        runtime: The file.
        order: Which of the model's inputs each of the file's inputs is.
        original: Exact measurement of the original, to save running it.
        should_stop: Asked between batches.

    Returns:
        None where there are no test data.

    Raises:
        Stopped: If it was asked to.
    """
    test, metric = workload.data.test, workload.metric
    if test is None or metric is None:
        return None
    simulated = _Simulation(workload, network, original)
    rows: list[tuple[NDArray[np.float32], ...]] = []
    same: list[float | None] = []
    gap, speed = 0.0, 0.0
    for start in range(0, len(test), BATCH):
        if should_stop():
            raise Stopped
        part = slice(start, start + BATCH)
        x, y = [array[part] for array in test.x], test.y[part]
        outputs, spent = runtime.predict([x[i] for i in order])
        speed = max(speed, len(y) / max(spent, 1e-9))
        before, expected = simulated.run(x, y, part)
        given = outputs[0] if len(outputs) == 1 else outputs
        rows.append((before, *(metric.results(y, p) for p in (given, expected))))
        same.append(_agreement(metric, expected, given))
        gap = max(gap, _gap(expected, given))
    known = [share for share in same if share is not None]
    sizes = [len(before) for before, *_ in rows]
    before, after, meant = map(np.concatenate, zip(*rows, strict=True))
    return Parity(
        score=_paired(workload, before, after),
        agreement=float(np.average(known, weights=sizes)) if known else None,
        simulated=float(meant.mean(dtype=np.float64)),
        largest_gap=gap,
        samples_per_second=speed,
    )


class _Simulation:
    """What the original and the network say of each batch."""

    def __init__(
        self, workload: Workload, network: Network, original: Measurement | None
    ) -> None:
        from workbench.engine.live import LiveModel

        is_known = original is not None and original.is_exact
        self._results = original.results if original is not None and is_known else None
        self._metric = workload.metric
        self._live = LiveModel(workload)
        self._live.assign(network)
        self._original = None if is_known else LiveModel(workload)

    def run(
        self, x: list[NDArray[Any]], y: NDArray[Any], part: slice
    ) -> tuple[NDArray[np.float32], Any]:
        """The original's results, and the network's outputs."""
        expected = self._live.predict(x)
        if self._results is not None:
            return self._results[part], expected
        assert self._original is not None
        assert self._metric is not None
        return self._metric.results(y, self._original.predict(x)), expected


def _paired(
    workload: Workload,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
) -> Measurement:
    from workbench.engine.ordering import Order
    from workbench.engine.scoring import Reference, paired

    assert workload.metric is not None
    order = Order.given(np.arange(len(before)), before)
    reference = Reference(workload.metric.info, before, order)
    return replace(paired(reference, after), provenance="measured")


def _agreement(metric: Metric, expected: Any, given: Any) -> float | None:
    one, other = metric.answers(expected), metric.answers(given)
    if one is None or other is None:
        return None
    return float(np.mean(one == other))


def _gap(expected: Any, given: Any) -> float:
    one = expected if isinstance(expected, list) else [expected]
    two = given if isinstance(given, list) else [given]
    pairs = zip(one, two, strict=True)
    return max(float(np.abs(a - b).max(initial=0)) for a, b in pairs)
