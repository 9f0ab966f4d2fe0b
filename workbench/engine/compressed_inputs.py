"""What kernels see of a compressed model, and what the original makes of what it sees.

Both run on the same training samples (`workbench.engine.side_by_side`) and tell some
rows that meet each kernel. What the original makes is kept. Where a sample gives many
rows, fewer samples are run.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import NDArray

from workbench.core.aims import After, together
from workbench.core.calibration import Gram
from workbench.core.errors import UserError
from workbench.engine.batching import rows_within, samples_for
from workbench.engine.following import LAST_KERNELS, following
from workbench.engine.kernel_rows import Kernel, joined
from workbench.engine.layers import layers
from workbench.engine.output_counts import LOOPED, OutputCounts
from workbench.engine.side_by_side import SideBySide

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence

    import tensorflow as tf

    from workbench.core.network import Network
    from workbench.core.tensor import Site
    from workbench.engine.workload import Workload

SAMPLES = 8192
BATCH = 128
MOST_STAGES = 12
RECURRENT_TURNS = 5
# Wider kernels are repaired on the original's inputs alone.
WIDEST_INPUTS = 2048
_FEWEST = 256
# Multiply-accumulates for all turns: some seconds on two cores.
_WORK = 200_000_000_000
_LARGEST_BYTES = 2**27
_PARTS = 5
# Of all that is kept of what the original makes.
_KEPT_BYTES = 2**27

Rows = NDArray[np.float32]


class CompressedInputs:
    """The moments of what kernels see under a network.

    Args:
        workload: The model and its data; it is not changed.
        sites: Its kernels, with their Gram matrices.
        seed: Of the draw of samples.
        is_matched: Whether BatchNorm gives in the compressed model what it gave in the
            original on average; see `workbench.engine.matched_norms`.

    Attributes:
        sites: As they were given.
        order: The kernels in the order in which the model meets them.
        samples: How many training samples are run.
        turned: What came of networks, by their digest.
        is_matched: As it was given.

    Raises:
        UserError: If there are no training data.
    """

    def __init__(
        self,
        workload: Workload,
        sites: Sequence[Site],
        *,
        seed: int = 0,
        is_matched: bool = False,
    ) -> None:
        """Copy the model twice and trace both copies."""
        if workload.data.train is None:
            raise UserError("evaluate.no_training_data")
        train = workload.data.train
        self._workload, self.sites, self.is_matched = workload, sites, is_matched
        self._kernels = {
            site.path: Kernel(site, site.gram, workload)
            for site in sites
            if site.gram is not None and site.gram.mean.shape[-1] <= WIDEST_INPUTS
        }
        self._follows = following(workload.model)
        self._layers = layers(workload.model)
        self._both = SideBySide(workload, train.x, self._kernels, is_matched=is_matched)
        self.order = self._both.order
        self.turned: dict[str, Network] = {}
        self._given: dict[tuple[str, int], Rows] = {}
        self._counts = OutputCounts(workload, self._kernels, seed)
        self._lock = threading.Lock()
        cost = self._both.cost
        turns = min(MOST_STAGES, max(len(self.order), 1))
        self.samples = samples_for(_WORK, _FEWEST, SAMPLES, cost.work * turns // 2)
        rows = min(BATCH, rows_within(_LARGEST_BYTES, cost.operations))
        self._batches = train.drawn(self.samples, rows, seed)
        self._strides = {
            path: max(1, self.samples // kernel.samples)
            for path, kernel in self._kernels.items()
        }

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
            is_looped = any(path.endswith(LOOPED) for path in turn)
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
        is_moved = self._is_moved(stage, network)
        asked = [path for path in stage if is_moved or self._is_worth(path, network)]
        if not asked:
            return {}
        with self._lock:
            rows, given = yield from self._rows(asked, network)
        aims = {
            path: self._kernels[path].aim(rows[path], given[path], self._after_of(path))
            for path in asked
        }
        for paths in self._summed(asked):
            kernels = [self._kernels[path] for path in paths]
            masks = [network.tensors[path].mask for path in paths]
            found = together(
                [aims[path] for path in paths],
                [kernel.weights for kernel in kernels],
                [k.matrices(m) for k, m in zip(kernels, masks, strict=True)],
            )
            aims |= zip(paths, found, strict=True)
        counts = yield from self._counts.of(asked, network)
        for path, count in counts.items():
            aims[path] = replace(aims[path], counts=count)
        return {path: self._kernels[path].gram(aim) for path, aim in aims.items()}

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
        norms = self._both.norms
        if norms is None or not norms.order:
            return found
        order = norms.order
        with self._lock:
            totals = yield from self._totals(order, network)
        for place, address in enumerate(order):
            sums = totals[place * _PARTS :][:_PARTS]
            found |= norms.statistics(address, sums)
        return found

    def _after_of(self, path: str) -> After:
        address, _, name = path.rpartition("/")
        return self._follows.get(address, After()) if name in LAST_KERNELS else After()

    def _summed(self, paths: Sequence[str]) -> list[list[str]]:
        """The kernels of layers that add up what all of their kernels make."""
        by_layer: dict[str, list[str]] = {}
        for path in paths:
            by_layer.setdefault(path.rpartition("/")[0], []).append(path)
        sums = (keras.layers.LSTM, keras.layers.SimpleRNN)
        return [
            own
            for address, own in by_layer.items()
            if len(own) > 1 and isinstance(self._layers[address], sums)
        ]

    def _is_worth(self, path: str, network: Network) -> bool:
        """Whether a kernel that sees what the original sees can be repaired better."""
        tensor = network.tensors[path]
        is_changed = tensor.dense is not self._workload.weights[path]
        return is_changed and (tensor.is_open or self._after_of(path).turns > 0)

    def _rows(
        self, stage: Sequence[str], network: Network
    ) -> Generator[None, None, tuple[dict[str, Rows], dict[str, Rows]]]:
        """Rows that meet kernels, and what the original makes of its own."""
        stride = min(self._strides[path] for path in stage)
        keys = [(path, stride) for path in stage]
        known = {key[0]: self._given[key] for key in keys if key in self._given}
        fresh = [path for path in stage if path not in known]
        names = (*stage, *(f"{path}:given" for path in fresh))
        found: list[list[tf.Tensor]] = []
        for told in self._both.run(names, network, self._batches[::stride]):
            found.append(told)
            yield
        parts = [joined(part) for part in zip(*found, strict=True)]
        rows = dict(zip(stage, parts, strict=False))
        for path, own in zip(fresh, parts[len(stage) :], strict=True):
            known[path] = own @ self._kernels[path].single.transpose(0, 2, 1)
            self._keep((path, stride), known[path])
        return rows, known

    def _keep(self, key: tuple[str, int], given: Rows) -> None:
        """Keep what the original makes, where there is room."""
        if sum(kept.nbytes for kept in self._given.values()) < _KEPT_BYTES:
            self._given[key] = given

    def _totals(
        self, stage: Sequence[str], network: Network
    ) -> Generator[None, None, list[NDArray[np.float64]]]:
        """The sums of a turn's kernels, or of BatchNorm layers, over all samples."""
        totals = [np.zeros(())] * (_PARTS * len(stage))
        for told in self._both.run(tuple(stage), network, self._batches):
            pairs = zip(totals, told, strict=True)
            totals = [known + part.numpy().astype(np.float64) for known, part in pairs]
            yield
        return totals

    def _is_moved(self, stage: Sequence[str], network: Network) -> bool:
        """Whether anything that has a part in the inputs is not the original's."""
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
        return any(
            path.rpartition("/")[0] not in without
            and now is not given[path]
            and not np.array_equal(now, given[path])
            for path, now in values.items()
        )
