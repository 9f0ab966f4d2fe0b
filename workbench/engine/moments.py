"""Second moments of what every kernel sees, over training samples.

A copy of the original runs in small batches; the calls of its layers are wrapped and
add up ``x x^T`` and ``x`` of the rows that meet a kernel: a convolution's patches, all
steps of a recurrent layer. Memory does not grow with the samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workbench.core.calibration import Bias, Gram
from workbench.core.errors import UserError
from workbench.core.layout import Layout
from workbench.engine.batching import LARGEST_BYTES, rows_within, samples_for
from workbench.engine.following import LAST_KERNELS, norm_behind
from workbench.engine.forward import Cost, traced
from workbench.engine.kernel_inputs import bias_of, drawn
from workbench.engine.layers import values_of
from workbench.engine.watched_model import WatchedModel

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.tensor import Site
    from workbench.engine.workload import Workload

SAMPLES = 8192
BATCH = 64
MOST_ROWS = 512
BYTES = 2**28
WIDEST_BYTES = 2**27
_FEWEST = 512
# Multiply-accumulates of a run: some five seconds on two cores.
_WORK = 150_000_000_000


class MomentCalibrator:
    """The Gram matrix of every kernel whose inputs can be seen.

    Args:
        workload: The model and its data.

    Attributes:
        sites: The kernels, each with its Gram matrix, or with why there is none; as the
            workload has them before a run is through.

    Raises:
        UserError: If there are no training data.
    """

    def __init__(self, workload: Workload) -> None:
        """Nothing runs yet."""
        if workload.data.train is None:
            raise UserError("evaluate.no_training_data")
        self._workload, self._train = workload, workload.data.train
        self._plan = _Plan.of(workload.sites)
        self.sites = workload.sites

    @property
    def nbytes(self) -> int:
        """Memory of all moments."""
        return self._plan.nbytes

    def run(
        self, samples: int | None = None, seed: int = 0
    ) -> Generator[float, None, None]:
        """Add up; closing the generator stops it.

        Args:
            samples: How many training samples to draw at most; None for `SAMPLES`, or
                as many as take some five seconds.
            seed: Of the draw.

        Yields:
            Progress from 0 to 1.
        """
        watching = _Watching(self._workload, self._plan, self._train.x)
        if samples is None:
            samples = samples_for(_WORK, _FEWEST, SAMPLES, watching.cost.work)
        batches = self._train.drawn(samples, watching.rows, seed)
        for done, rows in enumerate(batches):
            watching.add([tf.convert_to_tensor(a[rows]) for a in self._train.x])
            yield done / len(batches)
        self.sites = tuple(map(watching.with_gram, self._workload.sites))
        yield 1.0


@dataclass(frozen=True, eq=False)
class _Plan:
    """Which kernels to look at.

    Attributes:
        taken: Their paths.
        unseen: Text key of why, for those that are left out.
        nbytes: Memory of all moments.
    """

    taken: tuple[str, ...]
    unseen: Mapping[str, str]
    nbytes: int

    @classmethod
    def of(cls, sites: Sequence[Site]) -> _Plan:
        """The narrow ones first: many of them take the room of a wide one."""
        taken: list[str] = []
        unseen: dict[str, str] = {}
        room = BYTES
        treated = [site for site in sites if site.can]
        for site in sorted(treated, key=lambda site: Layout.of(site).inputs_count):
            if site.kind == "embedding":
                unseen[site.path] = "repair.looked_up"
                continue
            nbytes = 4 * Layout.of(site).inputs_count ** 2
            if nbytes > min(room, WIDEST_BYTES):
                unseen[site.path] = "repair.too_wide"
                continue
            room -= nbytes
            taken.append(site.path)
        return cls(tuple(taken), unseen, BYTES - room)


class _Watching:
    """A copy of the original whose kernels tell what they see.

    Attributes:
        cost: What a sample costs.
        rows: Samples to add at once.
    """

    def __init__(
        self, workload: Workload, plan: _Plan, x: Sequence[NDArray[Any]]
    ) -> None:
        self._watched = WatchedModel(workload.model, plan.taken)
        self._others = workload.others
        self._unseen = plan.unseen
        self._biases = self._found_biases(workload)
        self._rows = traced(self._drawn, x)
        self.cost = Cost(self._rows, x, self._watched.model)
        self.rows = min(BATCH, rows_within(LARGEST_BYTES, self.cost.operations))
        # Variables of the graph: in NumPy all would be there twice for each batch, and
        # together they may be several times as large as the weights.
        made = self._rows.outputs
        self._sums = dict(zip(self._paths, map(_Sums.of, made), strict=True))
        self._add = traced(self._added, made)

    def add(self, x: Sequence[tf.Tensor]) -> None:
        """Add a batch."""
        self._add(*self._rows(*x))

    def with_gram(self, site: Site) -> Site:
        """The site with what was seen there, or with why nothing was; in the end."""
        sums = self._sums.get(site.path)
        count = 0 if sums is None else int(values_of(sums.count))
        if sums is None or not count or not np.isfinite(values_of(sums.moments)).all():
            reason = self._unseen.get(site.path, "repair.unreachable")
            return replace(site, unseen=reason)
        moments, mean = (
            # The graph holds the variable: given away is its own memory.
            values_of(variable.assign(variable / count))
            for variable in (sums.moments, sums.total)
        )
        return replace(site, gram=Gram(moments, mean, count, self._bias(site)))

    def _bias(self, site: Site) -> Bias | None:
        """The bias behind a kernel, where it has an entry for each output."""
        found = self._biases.get(site.path)
        if found is None:
            return None
        row = self._others[found.path]
        row = row if found.row is None else row[found.row]
        outputs = site.parameters // Layout.of(site).inputs_count
        return found if row.size == outputs else None

    def _found_biases(self, workload: Workload) -> dict[str, Bias]:
        """Where what is behind each kernel can shift."""
        norms = norm_behind(workload.model)
        biases: dict[str, Bias] = {}
        for kernel, layer in self._watched.layers.items():
            address, _, name = kernel.rpartition("/")
            path, norm = f"{address}/bias", f"{norms.get(address)}/moving_mean"
            if path in self._others:
                bias = bias_of(layer, name, path)
            else:
                is_last = name in LAST_KERNELS and norm in self._others
                bias = Bias(norm, sign=-1) if is_last else None
            if bias is not None:
                biases[kernel] = bias
        return biases

    def _drawn(self, *x: tf.Tensor) -> list[tf.Tensor]:
        most = tf.maximum(1, MOST_ROWS * tf.shape(x[0])[0] // BATCH)
        seen = self._watched.rows(x)
        self._paths = tuple(seen)
        return [drawn(calls, most) for calls in seen.values()]

    def _added(self, *drawn: tf.Tensor) -> None:
        for sums, rows in zip(self._sums.values(), drawn, strict=True):
            sums.add(rows)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over rows (rows, groups, inputs), variables of TensorFlow.

    Attributes:
        moments: ``sum x x^T``, (groups, inputs, inputs).
        total: ``sum x``, (groups, inputs).
        count: Number of rows.
    """

    moments: Any
    total: Any
    count: Any

    @classmethod
    def of(cls, rows: tf.Tensor) -> _Sums:
        """Nothing yet, of such rows."""
        _, groups, inputs = rows.shape.as_list()
        return cls(
            tf.Variable(tf.zeros((groups, inputs, inputs))),
            tf.Variable(tf.zeros((groups, inputs))),
            tf.Variable(tf.zeros((), tf.int32)),
        )

    def add(self, rows: tf.Tensor) -> None:
        """Add rows; inside a graph."""
        self.moments.assign_add(tf.einsum("rgi,rgj->gij", rows, rows))
        self.total.assign_add(tf.reduce_sum(rows, 0))
        self.count.assign_add(tf.shape(rows)[0])
