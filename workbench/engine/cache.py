"""Activations kept for many samples, and how many of them memory allows."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

import tensorflow as tf

from workbench.engine.batching import TILED_BATCHES, tensor_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CHUNK_BYTES = 16 * 2**20
KEPT_INPUT_BYTES = 256 * 2**20
# So many tell a small change to a point and a half, twice as many to 0.7 (see
# `workbench.core.intervals`).
FIRST = 224


class Source(Protocol):
    """Where tensors of consecutive samples come from."""

    def stop_after(self, row: int) -> int:
        """End of the batch that it is best to take from a row on."""
        ...

    def take(self, start: int, stop: int) -> Sequence[tf.Tensor]:
        """The tensors of some samples."""
        ...


class Inputs:
    """The inputs of a set of samples in a given order.

    Args:
        x: One array an input, samples first.
        samples: Indices into them, in the order of evaluation.
        batch: Samples a batch: the last ones have as many more as a runtime takes at
            once that splits them by itself.
    """

    def __init__(self, x: Sequence[NDArray], samples: NDArray, batch: int) -> None:
        """Nothing is copied yet."""
        self._x, self._samples = x, samples
        self._most = TILED_BATCHES * batch
        nbytes = sum(array.nbytes for array in x)
        self._kept: dict[tuple[int, int], list[tf.Tensor]] = {}
        self._is_kept = nbytes <= KEPT_INPUT_BYTES

    def stop_after(self, row: int) -> int:
        """The first batch is small, for a quick first answer.

        Each one then is as large as all before it, as it is by so much that an answer
        must be known better to be news.
        """
        size = min(max(row, FIRST), self._most)
        return min(row + size, len(self._samples))

    def take(self, start: int, stop: int) -> Sequence[tf.Tensor]:
        """The inputs of some samples; kept unless they are many bytes."""
        if (start, stop) in self._kept:
            return self._kept[start, stop]
        rows = self._samples[start:stop]
        taken = [tf.convert_to_tensor(array[rows]) for array in self._x]
        if self._is_kept:
            # No sample is kept twice, where batches are of other sizes now.
            for begin, end in list(self._kept):
                if begin < stop and start < end:
                    self._kept.pop((begin, end), None)
            self._kept[start, stop] = taken
        return taken


class Rows:
    """Tensors of the first samples of an order, in chunks.

    Args:
        total: Samples that will be there.
    """

    def __init__(self, total: int) -> None:
        """No sample is there yet."""
        self._total = total
        self._chunks: list[list[tf.Tensor]] = []
        self._starts: list[int] = []
        self.filled = 0

    def add(self, tensors: Sequence[tf.Tensor]) -> None:
        """Append samples; once all are there small chunks are joined."""
        self._chunks.append(list(tensors))
        self._starts.append(self.filled)
        self.filled += len(tensors[0])
        if self.filled == self._total:
            self._join()

    def stop_after(self, row: int) -> int:
        """End of the chunk that holds a row."""
        after = bisect_right(self._starts, row)
        return self._starts[after] if after < len(self._starts) else self.filled

    def take(self, start: int, stop: int) -> Sequence[tf.Tensor]:
        """The tensors of samples that lie in one chunk."""
        number = bisect_right(self._starts, start) - 1
        chunk, offset = self._chunks[number], self._starts[number]
        if offset == start and stop == self.stop_after(start):
            return chunk
        return [tensor[start - offset : stop - offset] for tensor in chunk]

    def _join(self) -> None:
        """Join chunks up to `CHUNK_BYTES`, but leave the first one small."""
        groups: list[list[list[tf.Tensor]]] = [[self._chunks[0]]]
        size = CHUNK_BYTES
        for chunk in self._chunks[1:]:
            nbytes = sum(tensor_bytes(tensor) for tensor in chunk)
            if size + nbytes > CHUNK_BYTES:
                groups.append([])
                size = 0
            groups[-1].append(chunk)
            size += nbytes
        self._chunks = [
            group[0]
            if len(group) == 1
            else [tf.concat(parts, 0) for parts in zip(*group, strict=True)]
            for group in groups
        ]
        self._starts = [0]
        for chunk in self._chunks[:-1]:
            self._starts.append(self._starts[-1] + len(chunk[0]))


class ActivationCache:
    """Activations at cuts by key, the longest unused dropped first.

    Args:
        limit: Bytes that may be kept.
    """

    def __init__(self, limit: int) -> None:
        """Empty."""
        self.limit = limit
        self._kept: OrderedDict[str, tuple[Rows, int]] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Bytes taken, those of entries still being filled included."""
        return sum(nbytes for _, nbytes in self._kept.values())

    def get(self, key: str) -> Rows | None:
        """What is kept under a key; it counts as used now."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def make(self, key: str, total: int, nbytes: int) -> Rows:
        """A new entry, for which others are dropped.

        Args:
            key: Its key.
            total: Samples that it will hold.
            nbytes: Bytes that it will take, at most the limit.
        """
        while self._kept and self.nbytes + nbytes > self.limit:
            self._kept.popitem(last=False)
        rows = Rows(total)
        self._kept[key] = (rows, nbytes)
        return rows
