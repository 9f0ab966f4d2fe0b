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
from workbench.engine.batching import rows_within, samples_for
from workbench.engine.following import LAST_KERNELS, norm_behind
from workbench.engine.forward import Cost, traced
from workbench.engine.kernel_inputs import bias_of, watched
from workbench.engine.layers import clone, layers, pack, values_of
from workbench.engine.live import cast_inputs

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
# Of one result in a batch; patches are several times as large as what they are cut of.
_LARGEST_BYTES = 2**26


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
        self._model = clone(workload.model)
        self._others = workload.others
        self._norms = norm_behind(workload.model)
        self._biases: dict[str, Bias] = {}
        self._unseen = plan.unseen
        # Variables of the graph: in NumPy all would be there twice for each batch, and
        # together they may be several times as large as the weights.
        self._sums: dict[str, _Sums] = {}
        self._passing: dict[str, list[tf.Tensor]] = {}
        taking: dict[str, dict[str, str]] = {}
        for path in plan.taken:
            address, _, name = path.rpartition("/")
            taking.setdefault(address, {})[name] = path
        found = layers(self._model)
        for address, names in taking.items():
            if address in found:
                self._watch(found[address], address, names)
        self._add = traced(self._run, x)
        self.cost = Cost(self._add, x, self._model)
        self.rows = min(BATCH, rows_within(_LARGEST_BYTES, self.cost.operations))

    def add(self, x: Sequence[tf.Tensor]) -> None:
        """Add a batch."""
        self._add(*x)

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

    def _watch(self, layer: Any, address: str, names: Mapping[str, str]) -> None:
        """Have a layer tell what its kernels see."""

        def note(name: str, rows: tf.Tensor) -> None:
            # Within a loop of its own a tensor cannot be reached from outside.
            if name in names and rows.graph is self._graph:
                self._passing.setdefault(names[name], []).append(rows)

        call = watched(layer, note)
        if call is None:
            return
        layer.call = call
        path = f"{address}/bias"
        norm = f"{self._norms.get(address)}/moving_mean"
        for name, kernel in names.items():
            if path in self._others:
                bias = bias_of(layer, name, path)
            else:
                is_last = name in LAST_KERNELS and norm in self._others
                bias = Bias(norm, sign=-1) if is_last else None
            if bias is not None:
                self._biases[kernel] = bias

    def _run(self, *x: tf.Tensor) -> None:
        self._passing.clear()
        self._graph: Any = tf.compat.v1.get_default_graph()
        self._model(pack(self._model, cast_inputs(self._model, x)), training=False)
        most = tf.maximum(1, MOST_ROWS * tf.shape(x[0])[0] // BATCH)
        for path, parts in self._passing.items():
            rows = tf.concat(parts, 0)
            if path not in self._sums:
                self._sums[path] = _Sums.of(rows)
            self._sums[path].add(rows, most)


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
        """Nothing yet, of such rows; also while a graph is traced."""
        _, groups, inputs = rows.shape.as_list()
        with tf.init_scope():
            return cls(
                tf.Variable(tf.zeros((groups, inputs, inputs))),
                tf.Variable(tf.zeros((groups, inputs))),
                tf.Variable(tf.zeros((), tf.int32)),
            )

    def add(self, rows: tf.Tensor, most: tf.Tensor) -> None:
        """Add evenly drawn rows; inside a graph.

        Args:
            rows: What meets a kernel in a batch.
            most: About how many of them to draw.
        """
        total = tf.shape(rows)[0]
        # An odd step, so that it does not fall in with the lines of a picture.
        step = tf.maximum(1, total // most) // 2 * 2 + 1
        drawn = tf.cast(rows[::step], tf.float32)
        self.moments.assign_add(tf.einsum("rgi,rgj->gij", drawn, drawn))
        self.total.assign_add(tf.reduce_sum(drawn, 0))
        self.count.assign_add(tf.shape(drawn)[0])
