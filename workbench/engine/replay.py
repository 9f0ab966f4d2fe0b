"""Outputs for a set of samples, from the activations of earlier runs where these hold.

What is kept follows the hand: the activations at the last cut before whatever changed
since a recent run, or since the original. The next move of the same slider starts
there.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.engine.batching import TILED_BATCHES
from workbench.engine.cache import Rows, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    import tensorflow as tf

    from workbench.core.network import Network
    from workbench.engine.cache import ActivationCache
    from workbench.engine.cuts import Program
    from workbench.engine.flat_program import Runner
    from workbench.engine.live import LiveModel

_RECENT = 4
_WORTHWHILE = 0.05


class Batch(NamedTuple):
    """Outputs of consecutive samples."""

    start: int
    stop: int
    outputs: list[tf.Tensor]


@dataclass(frozen=True, eq=False)
class _Route:
    """How a network is run.

    Attributes:
        live: The model, which holds the network while a batch runs.
        source: Where to start from.
        start: The cut there.
        filled: Activations to keep, or kept for the first samples already.
        target: The cut of those; `start` where there are none.
    """

    live: LiveModel
    source: Source
    start: int
    filled: Rows | None
    target: int

    def batches(self, row: int, total: int, beside: Executor | None) -> list[Batch]:
        """Run one batch from a row on, and the next one beside it.

        An operation of TensorFlow keeps two cores busy for part of its time only: two
        batches at once fill the gaps.
        """
        spans = [self._span(row)]
        is_flat = any(runner.is_flat for runner in spans[0].runners)
        if beside is not None and not is_flat and spans[0].stop < total:
            spans.append(self._span(spans[0].stop))
        others = [beside.submit(_run, span) for span in spans[1:] if beside is not None]
        found = [_run(spans[0]), *(other.result() for other in others)]
        batches: list[Batch] = []
        for span, (kept, outputs) in zip(spans, found, strict=True):
            if self.filled is not None and self.filled.filled == span.start:
                self.filled.add(kept)
            batches.append(Batch(span.start, span.stop, outputs))
        return batches

    def _span(self, row: int) -> _Span:
        is_there = self.filled is not None and self.filled.filled > row
        cut = self.target if is_there else self.start
        source: Any = self.filled if is_there else self.source
        # Compiled here, one after the other.
        runners = self._runners(cut)
        rows = self.live.program.rows(cut)
        if any(runner.is_flat for runner in runners):
            rows *= TILED_BATCHES
        stop = min(source.stop_after(row), row + rows)
        return _Span(row, stop, source, runners)

    def _runners(self, cut: int) -> list[Runner]:
        """What leads to the activations to keep, and from there to the outputs."""
        ends = dict.fromkeys((cut, self.target, self.live.program.end))
        return [self.live.runner(*pair) for pair in pairwise(ends)]


class _Span(NamedTuple):
    """Consecutive samples, where they come from, and what runs them."""

    start: int
    stop: int
    source: Source
    runners: Sequence[Runner]


def _run(span: _Span) -> tuple[Sequence[tf.Tensor], list[tf.Tensor]]:
    """The activations at the target, and the outputs."""
    *before, last = span.runners
    tensors = span.source.take(span.start, span.stop)
    for runner in before:
        tensors = runner(tensors)
    return tensors, last(tensors)


class Replay:
    """Runs networks over samples; any number of runs may be under way at once.

    Args:
        live: The model; every batch assigns its run's network to it.
        cache: Where activations are kept.
    """

    def __init__(self, live: LiveModel, cache: ActivationCache) -> None:
        """Nothing has run yet."""
        self._live, self._cache = live, cache
        self._lock = threading.Lock()
        self._recent: deque[tuple[str, Mapping[str, str]]] = deque(maxlen=_RECENT)

    def run(
        self, network: Network | None, inputs: Source, total: int, *, is_kept: bool
    ) -> Iterator[Batch]:
        """The outputs for all samples, batch by batch.

        Args:
            network: What to run; None for the original.
            inputs: The samples.
            total: Their number.
            is_kept: Whether activations are kept and used: only for the same samples in
                the same order every time.
        """
        route: _Route | None = None

        def step(row: int) -> list[Batch]:
            nonlocal route
            with self._lock:
                self._live.assign(network)
                if route is None:
                    route = self._route(inputs, total if is_kept else 0)
                # The first answer is wanted soon, so it is computed alone.
                return route.batches(row, total, beside if row else None)

        with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(1) as beside:
            waiting = ahead.submit(step, 0)
            while waiting is not None:
                batches = waiting.result()
                row = batches[-1].stop
                # Whoever takes these batches has work with them meanwhile.
                waiting = ahead.submit(step, row) if row < total else None
                yield from batches

    def _route(self, inputs: Source, total: int) -> _Route:
        """Where to start and what to keep; with a total of 0 from the inputs."""
        if not total:
            return _Route(self._live, inputs, 0, None, 0)
        program = self._live.program
        keys = program.keys(self._live.state, self._live.kind)
        start, source = self._deepest(keys, inputs, total)
        target = self._target(program, total)
        filled = None
        if target > start:
            nbytes = program.cuts[target].bytes_per_sample * total
            filled = self._cache.get(keys[target])
            filled = filled or self._cache.make(keys[target], total, nbytes)
        return _Route(self._live, source, start, filled, max(start, target))

    def _deepest(
        self, keys: list[str], inputs: Source, total: int
    ) -> tuple[int, Source]:
        """The last cut whose activations are there for all samples."""
        for cut in range(len(keys) - 1, 0, -1):
            rows = self._cache.get(keys[cut])
            if rows is not None and rows.filled == total:
                return cut, rows
        return 0, inputs

    def _target(self, program: Program, total: int) -> int:
        """The last cut before what changed that fits into memory."""
        state, kind = self._live.state, self._live.kind
        known = [held for other, held in self._recent if other == kind]
        known.append(self._live.original_state)
        self._recent.append((kind, dict(state)))
        target = max(program.unchanged(state, held) for held in known)
        limit = self._cache.limit
        while target and program.cuts[target].bytes_per_sample * total > limit:
            target -= 1
        return target if program.saving(0, target) >= _WORTHWHILE else 0
