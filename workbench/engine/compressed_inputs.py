"""What kernels see of a compressed model, beside what they see of the original.

Both models run on the same training samples and tell the rows that meet each kernel, so
that moments within and between the two can be added up. Both are traced once; for each
turn only what leads to its kernels is run.
"""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workbench.core.calibration import Gram
from workbench.core.errors import UserError
from workbench.core.network import array_digest
from workbench.engine.batching import rows_within, samples_for
from workbench.engine.forward import Cost, traced
from workbench.engine.layers import variables
from workbench.engine.matched_norms import MatchedNorms
from workbench.engine.piece import Piece
from workbench.engine.watched_model import WatchedModel

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.network import Network
    from workbench.core.tensor import Site
    from workbench.engine.workload import Workload

SAMPLES = 4096
BATCH = 128
MOST_ROWS = 1024
MOST_STAGES = 12
RECURRENT_TURNS = 3
# Wider kernels are repaired on the original's inputs alone.
WIDEST_INPUTS = 2048
_FEWEST = 256
# Multiply-accumulates for all turns: some seconds on two cores.
_WORK = 200_000_000_000
_LARGEST_BYTES = 2**27
_PARTS = 5
_LOOPED = "recurrent_kernel"
# What repairs make of moments, and keep as long as these, takes some times as much.
_REMEMBERED_BYTES = 2**25

Sums = tuple[tf.Tensor, ...]


class CompressedInputs:
    """The moments of what kernels see under a network.

    Args:
        workload: The model and its data; it is not changed.
        sites: Its kernels, with their Gram matrices.
        seed: Of the draw of samples.
        is_matched: Whether BatchNorm gives in the compressed model what it gave in the
            original on average; see `workbench.engine.matched_norms`.

    Attributes:
        order: The kernels in the order in which the model meets them.
        samples: How many training samples are run.
        is_matched: As it was given.

    Raises:
        UserError: If there are no training data.
    """

    def __init__(
        self,
        workload: Workload,
        sites: Iterable[Site],
        *,
        seed: int = 0,
        is_matched: bool = False,
    ) -> None:
        """Copy the model twice and trace both copies."""
        if workload.data.train is None:
            raise UserError("evaluate.no_training_data")
        self._workload, self._train = workload, workload.data.train
        self._grams = {
            site.path: site.gram
            for site in sites
            if site.gram is not None and site.gram.mean.shape[-1] <= WIDEST_INPUTS
        }
        self._before = WatchedModel(workload.model, self._grams)
        self._after = WatchedModel(workload.model, self._grams)
        models = (self._before.model, self._after.model)
        self.is_matched = is_matched
        self._norms = MatchedNorms(*models) if is_matched else None
        self._variables = variables(self._after.model)
        self._state: dict[str, str] = {}
        self._known: dict[str, Mapping[str, Gram]] = {}
        self._pieces: dict[tuple[str, ...], Piece] = {}
        self._lock = threading.Lock()
        self.order: tuple[str, ...] = ()
        self._traced = traced(self._run, self._train.x)
        cost = Cost(self._traced, self._train.x, workload.model)
        turns = min(MOST_STAGES, max(len(self.order), 1))
        self.samples = samples_for(_WORK, _FEWEST, SAMPLES, cost.work * turns // 2)
        rows = min(BATCH, rows_within(_LARGEST_BYTES, cost.operations))
        self._batches = self._train.drawn(self.samples, rows, seed)

    def stages(self, paths: Collection[str]) -> list[tuple[str, ...]]:
        """The kernels that can be told of, in turns; a layer's kernels stay together.

        A recurrent layer makes part of what it sees itself, and takes several turns.

        Args:
            paths: Those that are asked for.
        """
        by_layer: dict[str, list[str]] = {}
        for path in self.order:
            if path in paths:
                by_layer.setdefault(path.rpartition("/")[0], []).append(path)
        groups = list(by_layer.values())
        turns = min(MOST_STAGES, len(groups))
        ends = [round(i * len(groups) / turns) for i in range(1, turns + 1)]
        found: list[tuple[str, ...]] = []
        for start, end in pairwise([0, *ends]):
            turn = tuple(path for group in groups[start:end] for path in group)
            is_looped = any(path.endswith(_LOOPED) for path in turn)
            found += [turn] * (RECURRENT_TURNS if is_looped else 1)
        return found

    def grams(
        self, stage: Sequence[str], network: Network
    ) -> Generator[None, None, Mapping[str, Gram]]:
        """Moments of the inputs of a turn's kernels, beside the original's.

        Args:
            stage: The turn.
            network: The model as compressed so far.

        Yields:
            Nothing, after each batch; closing the generator stops it.

        Returns:
            By path; empty where the kernels see just what the original's saw.
        """
        changed = self._changed(stage, network)
        if not changed:
            return {}
        states = (f"{path}={digest}" for path, digest in sorted(changed.items()))
        key = ";".join((*stage, *states))
        known = self._known.get(key)
        if known is not None:
            return known
        with self._lock:
            totals = yield from self._totals(stage, network)
        parts = dict(
            zip(stage, zip(*[iter(totals)] * _PARTS, strict=True), strict=True)
        )
        grams = {path: self._gram(path, sums) for path, sums in parts.items()}
        self._remember(key, grams)
        return grams

    def norms(
        self, network: Network
    ) -> Generator[None, None, Mapping[str, NDArray[np.float32]]]:
        """The BatchNorm statistics that a network needs, where they are matched.

        Args:
            network: The model as compressed, with the original's statistics.

        Yields:
            Nothing, after each batch; closing the generator stops it.

        Returns:
            By path; what may stay as it is is left out.
        """
        found: dict[str, NDArray[np.float32]] = {}
        if self._norms is None or not self._norms.order:
            return found
        order = self._norms.order
        with self._lock:
            totals = yield from self._totals(order, network)
        for place, address in enumerate(order):
            sums = totals[place * _PARTS :][:_PARTS]
            found |= self._norms.statistics(address, sums)
        return found

    def _remember(self, key: str, grams: Mapping[str, Gram]) -> None:
        """Keep moments for when they are asked for again; the oldest give way."""
        self._known[key] = grams
        sizes = {key: _nbytes(kept) for key, kept in self._known.items()}
        total = sum(sizes.values())
        while total > _REMEMBERED_BYTES and len(self._known) > 1:
            oldest = next(iter(self._known))
            del self._known[oldest]
            total -= sizes[oldest]

    def _totals(
        self, stage: Sequence[str], network: Network
    ) -> Generator[None, None, list[NDArray[np.float64]]]:
        """The sums of a turn's kernels, or of BatchNorm layers, over all samples."""
        self._assign(network)
        run = self._piece(tuple(stage))
        totals = [np.zeros(())] * (_PARTS * len(stage))
        for rows in self._batches:
            found = run([tf.convert_to_tensor(a[rows]) for a in self._train.x])
            pairs = zip(totals, found, strict=True)
            totals = [known + part.numpy().astype(np.float64) for known, part in pairs]
            yield
        return totals

    def _gram(self, path: str, sums: Sequence[NDArray[np.float64]]) -> Gram:
        known = self._grams[path]
        moments, cross, mean, given = (
            (part / sums[-1]).astype(np.float32) for part in sums[:-1]
        )
        return Gram(moments, mean, int(sums[-1]), known.bias, cross, given)

    def _changed(self, stage: Sequence[str], network: Network) -> dict[str, str]:
        """Hashes of what is not the original's and may have a part in the inputs."""
        address = {path: path.rpartition("/")[0] for path in self.order}
        last = address[max(stage, key=self.order.index)]
        met = list(dict.fromkeys(address.values()))
        without = set(met[met.index(last) + 1 :])
        # A layer of one kernel has no part in its own inputs.
        if list(address.values()).count(last) == 1:
            without.add(last)
        values = {path: tensor.dense for path, tensor in network.tensors.items()}
        values |= network.others or {}
        given = {**self._workload.weights, **self._workload.others}
        return {
            path: array_digest(now)
            for path, now in values.items()
            if path.rpartition("/")[0] not in without
            and now is not given[path]
            and not np.array_equal(now, given[path])
        }

    def _assign(self, network: Network) -> None:
        """Give the copy the values of a network."""
        others = network.others or {}
        values = {path: t.dense for path, t in network.tensors.items()}
        values |= {p: others.get(p, v) for p, v in self._workload.others.items()}
        for path, value in values.items():
            digest = array_digest(value)
            if self._state.get(path) != digest:
                variable: Any = self._variables[path].value
                variable.assign(tf.cast(value, variable.dtype))
                self._state[path] = digest

    def _piece(self, stage: tuple[str, ...]) -> Piece:
        """What leads from samples to the sums of a turn's kernels."""
        if stage not in self._pieces:
            graph = self._traced.graph
            made = [tensor for path in stage for tensor in self._made[path]]
            inputs = self._traced.inputs[: len(self._train.x)]
            self._pieces[stage] = Piece(
                graph.as_graph_def(), list(graph.captures), inputs, made
            )
        return self._pieces[stage]

    def _run(self, *x: tf.Tensor) -> list[tf.Tensor]:
        if self._norms is not None:
            self._norms.begin()
        before, after = self._before.rows(x), self._after.rows(x)
        most = tf.maximum(1, MOST_ROWS * tf.shape(x[0])[0] // BATCH)
        self.order = tuple(path for path in after if path in before)
        self._made = {
            path: _sums(before[path], after[path], most) for path in self.order
        }
        if self._norms is not None:
            self._made |= self._norms.sums()
        return [tensor for sums in self._made.values() for tensor in sums]


def _nbytes(grams: Mapping[str, Gram]) -> int:
    arrays = (a for g in grams.values() for a in (g.moments, g.cross, g.mean, g.given))
    return sum(array.nbytes for array in arrays if array is not None)


def _sums(before: tf.Tensor, after: tf.Tensor, most: tf.Tensor) -> Sums:
    """``sum x x^T``, ``sum z x^T``, ``sum x``, ``sum z`` and the number of rows.

    Args:
        before: Rows z of the original, (rows, groups, inputs).
        after: The same rows x of the compressed model.
        most: About how many of them to draw.
    """
    # An odd step, so that it does not fall in with the lines of a picture.
    step = tf.maximum(1, tf.shape(after)[0] // most) // 2 * 2 + 1
    z, x = (tf.cast(rows[::step], tf.float32) for rows in (before, after))
    moments, cross = (tf.einsum("rgi,rgj->gij", rows, x) for rows in (x, z))
    return moments, cross, tf.reduce_sum(x, 0), tf.reduce_sum(z, 0), tf.shape(x)[0]
