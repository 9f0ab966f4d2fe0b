"""What a drag costs on weights alone, against one copy of them."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.bench.benchmark import Result
from workbench.core import fused
from workbench.core.affine import grid_of
from workbench.core.channels import channels_of
from workbench.core.index import MagnitudeIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIDE = 5000
THRESHOLD = 0.03


def arrays(side: int = SIDE, repeats: int = 9) -> Iterator[Result]:
    """Ratios on one tensor of 25 million weights, medians of neighbouring runs.

    Args:
        side: Rows and columns of the tensor.
        repeats: Runs of each.
    """
    rng = np.random.default_rng(0)
    weights = (rng.normal(size=(side, side)) * 0.05).astype(np.float32)
    target = np.zeros_like(weights)

    def against_copy(work: Callable[[], Any]) -> float:
        return _ratio(work, lambda: np.copyto(target, weights), repeats)

    index = MagnitudeIndex(weights)
    grid = grid_of(weights, 8, is_symmetric=True)

    def drag() -> None:
        coded = index.coded(grid, THRESHOLD)
        _ = coded.sparsity, coded.sqnr, coded.entropy

    channels = channels_of(weights.shape, (1,))
    assert channels is not None, "Columns lie evenly in memory."
    given = fused.Weights(weights, channels, THRESHOLD)
    per_channel = fused.grid_of(given, 8, is_symmetric=True)
    out = fused.code(given, per_channel)

    def one_pass() -> None:
        fused.code(given, per_channel, out)

    def naive() -> None:
        kept = np.where(np.abs(weights) < THRESHOLD, np.float32(0), weights)
        q = np.clip(np.rint(kept / per_channel.scale), -127, 127)
        np.histogram(q * per_channel.scale, 100)
        np.unique(q, return_counts=True)

    drag()
    yield Result("drag_statistics", against_copy(drag), 0.05, "copies")
    yield Result("fused_pass", against_copy(one_pass), 2.5, "copies")
    faster = 1 / _ratio(one_pass, naive, 1)
    yield Result("fused_pass_against_numpy", faster, 40, "times faster", is_limit=False)
    built = _ratio(
        lambda: MagnitudeIndex(weights), lambda: np.copyto(target, weights), 3
    )
    yield Result("index_built", built, 60, "copies")
    yield Result("index_bytes", index.nbytes / index.size, 6, "bytes a weight")


def _ratio(work: Callable[[], Any], yardstick: Callable[[], Any], n: int) -> float:
    """Median over pairs of runs of one's time over the other's."""
    return median(seconds(work) / seconds(yardstick) for _ in range(n))


def seconds(work: Callable[[], Any]) -> float:
    """Time that a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
