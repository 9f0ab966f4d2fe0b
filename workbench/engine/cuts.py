"""Where a traced forward pass can be cut, and the pieces between the cuts.

A cut lies before the first use of a kernel: the tensors alive there carry all that was
computed so far, so that with those of a set of samples at hand only what follows needs
to run. Cuts are read off TensorFlow's graph, which knows nothing of how a model was
built: nested, shared, recurrent and subclassed models are cut alike. A single tensor
alive is a dominator of the graph; within a residual block there are two.

A cut is used only where each of its tensors has the samples along its first axis and
holds for a sample what it holds for it in any other batch; this is tried out on real
samples. A graph that writes a variable or draws random numbers is not cut at all.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from workbench.engine.batching import batch_rows, sizes, tensor_bytes, work
from workbench.engine.by_sample import by_row, sample_bytes
from workbench.engine.piece import Piece, Summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_IMPURE = re.compile(r"^(?!Stateless).*(Assign|Scatter(Add|Update)|Random|PyFunc)")
_PLACES = 8


@dataclass(frozen=True, eq=False)
class Cut:
    """A place to start from.

    Attributes:
        position: Number of operations before it.
        tensors: What is alive there, in the traced graph; inputs of the model only
            where they are used behind it.
        bytes_per_sample: Memory of the tensors that are no inputs.
    """

    position: int
    tensors: tuple[tf.Tensor, ...]
    bytes_per_sample: int


@dataclass(frozen=True, eq=False)
class _Life:
    """From which operation to which a tensor that depends on the samples is needed."""

    tensor: tf.Tensor
    made: int
    last: int


class Program:
    """A traced forward pass that can start and stop at its cuts.

    Args:
        traced: A concrete function from the model's inputs, a tensor each, to its
            outputs.
        variables: What can change, by address.
        kernels: Addresses of the variables to cut before.
        samples: A few real samples, one array an input, to try the cuts on.

    Attributes:
        cuts: From front to back; the first is the model's inputs.
        end: The index that stands for the model's outputs.
        operations: All of the graph, in order.
        data: Names of the operations that depend on the samples.
        is_impure: Whether it writes a variable or draws random numbers.
        weight_bytes: Memory of the variables.
    """

    def __init__(
        self,
        traced: Any,
        variables: Mapping[str, tf.Variable],
        kernels: Iterable[str],
        samples: Sequence[tf.Tensor],
    ) -> None:
        """Read the graph, find the cuts, try them out."""
        # The graph lives as long as the function does.
        self._traced = traced
        self.operations: list[tf.Operation] = traced.graph.get_operations()
        self._inputs: list[tf.Tensor] = list(traced.inputs[: len(samples)])
        self._outputs: tuple[tf.Tensor, ...] = tuple(traced.outputs)
        self._captures = list(traced.graph.captures)
        self._definition = traced.graph.as_graph_def()
        self._pieces: dict[tuple[int, int], Piece] = {}
        self.data = {tensor.op.name for tensor in self._inputs}
        self.is_impure = self._is_impure()
        self.weight_bytes = sum(map(tensor_bytes, variables.values()))
        self._uses = self._first_uses(variables)
        self.cuts = self._find(kernels, samples)
        self.end = len(self.cuts)
        self._last_cuts = {
            address: max(i for i, cut in enumerate(self.cuts) if cut.position <= use)
            for address, use in self._uses.items()
        }
        self._rows, self._work = self._costs(variables, samples)

    def piece(self, start: int, stop: int) -> Piece:
        """What runs from one cut to a later one, or to the `end`; compiled once."""
        key = (start, stop)
        if key not in self._pieces:
            self._pieces[key] = self.extract(self.tensors(start), self.tensors(stop))
        return self._pieces[key]

    def extract(
        self,
        given: Sequence[tf.Tensor],
        made: Sequence[tf.Tensor],
        summary: Summary | None = None,
    ) -> Piece:
        """What leads from some tensors of the graph to others, compiled now."""
        return Piece(self._definition, self._captures, given, made, summary)

    def tensors(self, cut: int) -> tuple[tf.Tensor, ...]:
        """What is alive at a cut; the outputs at the end."""
        return self._outputs if cut == self.end else self.cuts[cut].tensors

    def between(self, start: int, stop: int) -> list[tf.Operation]:
        """The operations from one cut to a later one that depend on the samples."""
        last = None if stop == self.end else self.cuts[stop].position
        part = self.operations[self.cuts[start].position : last]
        return [operation for operation in part if operation.name in self.data]

    def rows(self, cut: int) -> int:
        """How many samples to run at once from a cut on."""
        return self._rows[cut]

    def saving(self, start: int, stop: int) -> float:
        """Which part of the work behind a cut lies before a later one, 0 to 1."""
        return 1 - self._work[stop] / max(self._work[start], 1)

    def keys(self, state: Mapping[str, str], kind: str) -> list[str]:
        """For each cut a hash of all that its tensors come from but the samples.

        Args:
            state: By address a hash of what the variable holds.
            kind: What tells this program from others.
        """
        digest = hashlib.sha256(kind.encode())
        waiting = deque(sorted(self._uses.items(), key=lambda use: use[1]))
        keys: list[str] = []
        for number, cut in enumerate(self.cuts):
            while waiting and waiting[0][1] < cut.position:
                address, _ = waiting.popleft()
                digest.update(f"{address}={state[address]};".encode())
            keys.append(f"{number} {digest.hexdigest()}")
        return keys

    def unchanged(self, state: Mapping[str, str], other: Mapping[str, str]) -> int:
        """The last cut before the first variable in which two states differ."""
        differing = (
            cut
            for address, cut in self._last_cuts.items()
            if state[address] != other[address]
        )
        return min(differing, default=self.end - 1)

    def _first_uses(self, variables: Mapping[str, tf.Variable]) -> dict[str, int]:
        """For each address the number of the first operation where samples meet it.

        Operations that depend on the samples are noted on the way.
        """
        names = {id(variable.handle): path for path, variable in variables.items()}
        reads = {
            inner.op.name: frozenset([names[id(outer)]])
            for outer, inner in self._captures
            if id(outer) in names
        }
        uses: dict[str, int] = {}
        for number, operation in enumerate(self.operations):
            makers = [tensor.op.name for tensor in operation.inputs]
            read = _NOTHING.union(*(reads.get(name, _NOTHING) for name in makers))
            if not self.data.isdisjoint(makers):
                self.data.add(operation.name)
                for address in read:
                    uses.setdefault(address, number)
            elif read:
                reads[operation.name] = read
        return uses

    def _find(
        self, kernels: Iterable[str], samples: Sequence[tf.Tensor]
    ) -> tuple[Cut, ...]:
        start = Cut(0, tuple(self._inputs), 0)
        if self.is_impure:
            return (start,)
        lives = self._lives()
        places = sorted({self._uses[path] for path in kernels if path in self._uses})
        wishes = [
            self._candidates(lives, place, before)
            for before, place in zip([0, *places[:-1]], places, strict=True)
        ]
        nearest = [
            tensor for wish in wishes for _, alive in wish[:1] for tensor in alive
        ]
        sizes = self._sizes((*self._outputs, *nearest), samples)
        if any(tensor.name not in sizes for tensor in self._outputs):
            # What a sample gives depends on its batch: batches must stay as they are.
            return (start,)
        found = [start]
        for wish in wishes:
            for position, alive in wish:
                if not all(tensor.name in sizes for tensor in alive):
                    sizes |= self._sizes(alive, samples)
                if all(tensor.name in sizes for tensor in alive):
                    nbytes = sum(sizes[tensor.name] for tensor in alive)
                    found.append(Cut(position, alive, nbytes))
                    break
        return tuple(found)

    def _lives(self) -> list[_Life]:
        """Of every tensor that depends on the samples, in order."""
        number = {operation.name: i for i, operation in enumerate(self.operations)}
        made = {t.name: (t, -1) for t in self._inputs}
        last: dict[str, int] = {}
        for i, operation in enumerate(self.operations):
            for tensor in operation.inputs:
                if tensor.op.name in self.data:
                    made.setdefault(tensor.name, (tensor, number[tensor.op.name]))
                    last[tensor.name] = i
        return [_Life(t, born, last.get(name, -1)) for name, (t, born) in made.items()]

    def _candidates(
        self, lives: Sequence[_Life], place: int, before: int
    ) -> list[tuple[int, tuple[tf.Tensor, ...]]]:
        """Where to cut before a kernel, the nearest place first.

        A layer may reshape its input before it meets the kernel, so that rows are no
        samples there: some places further to the front are tried as well.
        """
        inputs = {tensor.name for tensor in self._inputs}
        found: list[tuple[int, tuple[tf.Tensor, ...]]] = []
        for position in range(place, before, -1):
            alive = [v.tensor for v in lives if v.made < position <= v.last]
            is_new = any(tensor.name not in inputs for tensor in alive)
            if is_new and all(map(_may_carry, alive)):
                found.append((position, tuple(alive)))
            if len(found) == _PLACES:
                break
        return found

    def _sizes(
        self, tensors: Sequence[tf.Tensor], samples: Sequence[tf.Tensor]
    ) -> dict[str, int]:
        """Bytes a sample of each tensor whose rows are samples; inputs are free."""
        inputs = {tensor.name for tensor in self._inputs}
        made = [tensor for tensor in tensors if tensor.name not in inputs]
        found = sample_bytes(self.extract(self._inputs, made, by_row), made, samples)
        return found | {t.name: 0 for t in tensors if t.name in inputs}

    def _is_impure(self) -> bool:
        nodes = [node.op for node in self._definition.node]
        for function in self._definition.library.function:
            nodes += [node.op for node in function.node_def]
        return any(_IMPURE.match(op) for op in nodes)

    def _costs(
        self, variables: Mapping[str, tf.Variable], samples: Sequence[tf.Tensor]
    ) -> tuple[list[int], list[int]]:
        """Samples to run at once, and the work of each, from each cut on."""
        weights = sum(v.shape.num_elements() or 0 for v in variables.values())
        steps = max([*sizes(array), 1][1] for array in samples)
        rows: list[int] = []
        works: list[int] = []
        for cut in range(self.end):
            data = self.between(cut, self.end)
            rows.append(batch_rows(data, loop_macs=weights * steps))
            works.append(work(data, loop_macs=weights * steps))
        return rows, works


def _may_carry(tensor: tf.Tensor) -> bool:
    """Whether a tensor may have the samples along its first axis."""
    rank = tensor.shape.rank
    return bool(rank) and tensor.shape[0] is None and tensor.dtype.is_numpy_compatible


_NOTHING: frozenset[str] = frozenset()
