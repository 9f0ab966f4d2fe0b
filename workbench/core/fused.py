"""Pruning and quantizing in one pass over the weights, compiled.

Each weight is read once and its integer, its real value, its mask and its symbol are
written, bit for bit as the NumPy forms in `workbench.core.affine` have them. That pays
for large tensors; the compiled loops are loaded at the first one, which takes a second.

The loops release the interpreter's lock and run on threads of our own, not on Numba's:
its threading layers differ between systems, and one aborts under concurrent calls.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core import aligned
from workbench.core.affine import (
    Grid,
    Range,
    grid_between,
    integer_type,
    shrink_factors,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from workbench.core.channels import Channels

    Floats = NDArray[np.float32]
    Part = Callable[[slice, slice], Any]

LARGE = 2**18
WIDTHS = 16
_THREADS = min(4, os.cpu_count() or 1)
# To start a thread takes as long as so many weights.
_A_THREADS = 2**20


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights to be pruned below a threshold.

    Attributes:
        values: C-contiguous, float32.
        channels: Which of them share a scale.
        threshold: Those with ``|w| < threshold``, in float32, count as zeros.
    """

    values: Floats
    channels: Channels
    threshold: float = 0.0


@dataclass(frozen=True, eq=False)
class Pass:
    """What one pass writes.

    Attributes:
        q: Integers on the grid, shape of the weights.
        dense: Their real values, float32; zero where pruned.
        mask: True where a weight is kept.
        counts: How often each integer occurs, its zero point taken off, the pruned
            among those of zero: the middle entry is that of zero.
    """

    q: NDArray[Any]
    dense: Floats
    mask: NDArray[np.bool_]
    counts: NDArray[np.int64]


def pays(values: Floats) -> bool:
    """Whether a tensor is large enough, and lies in memory as the loops want it."""
    return values.size >= LARGE and values.flags.c_contiguous


def code(weights: Weights, grid: Grid, out: Pass | None = None) -> Pass:
    """Prune, then round to a grid.

    Args:
        weights: The weights.
        grid: One scale for each of their channels.
        out: Arrays to write to, of an earlier pass over as many weights and bits.
    """
    from workbench.core import kernels

    channels, values = weights.channels, weights.values
    smallest, largest = grid.limits
    if out is None:
        out = _empty(values.shape, grid)
    arrays = [channels.matrix(a) for a in (values, out.q, out.dense, out.mask)]
    scales = channels.spread(grid.scale)
    zeros = channels.spread(grid.zero_point.astype(np.float32))
    run = kernels.code_columns if channels.are_columns else kernels.code_rows
    limits = tuple(map(np.float32, (weights.threshold, smallest, largest)))

    def part(rows: slice, columns: slice) -> NDArray[np.int64]:
        counts = np.zeros((4, 2 * largest + 1), np.int64)
        line = columns if channels.are_columns else rows
        views = tuple(array[rows, columns] for array in arrays)
        run(views, scales[line], zeros[line], limits, counts)
        return counts.sum(axis=0)

    counts = np.sum(in_parts(arrays[0].shape, part), axis=0)
    return Pass(out.q, out.dense, out.mask, counts)


def extremes(weights: Weights) -> tuple[Floats, Floats]:
    """Smallest and largest of zero and the kept weights of each channel."""
    channels = weights.channels
    x = channels.matrix(weights.values)
    axis = 0 if channels.are_columns else 1
    low, high = np.zeros((2, x.shape[1 - axis]), np.float32)

    def part(rows: slice, columns: slice) -> tuple[slice, Floats, Floats]:
        line = columns if channels.are_columns else rows
        view = x[rows, columns]
        return line, view.min(axis=axis), view.max(axis=axis)

    for line, least, most in in_parts(x.shape, part):
        low[line] = np.minimum(low[line], least)
        high[line] = np.maximum(high[line], most)
    low, high = channels.gather(low, np.minimum), channels.gather(high, np.maximum)
    # Where the outermost weight of a sign is pruned, all of that sign are.
    cut, zero = np.float32(weights.threshold), np.float32(0)
    return np.where(-low >= cut, low, zero), np.where(high >= cut, high, zero)


def grid_of(
    weights: Weights, bits: int, *, is_symmetric: bool, choice: Range = "minmax"
) -> Grid:
    """The grid for the kept weights, as in `workbench.core.affine.grid_of`.

    Args:
        weights: The weights.
        bits: Bit width, 2 to 16.
        is_symmetric: Which of the two grids.
        choice: ``minmax``, or ``mse`` for the least squared error in each channel.
    """
    low, high = extremes(weights)
    if choice == "minmax":
        return grid_between(low, high, bits, is_symmetric=is_symmetric)
    factors = shrink_factors(bits)
    tries = [
        grid_between(low * factor, high * factor, bits, is_symmetric=is_symmetric)
        for factor in factors
    ]
    best = factors[np.argmin(_errors(weights, tries), axis=0)]
    return grid_between(low * best, high * best, bits, is_symmetric=is_symmetric)


def _errors(weights: Weights, grids: list[Grid]) -> NDArray[np.float64]:
    """Squared error of each channel on each of several grids, grids first."""
    from workbench.core import kernels

    channels = weights.channels
    scales = np.stack([channels.spread(grid.scale) for grid in grids])
    zeros = np.stack([channels.spread(grid.zero_point) for grid in grids])
    zeros = zeros.astype(np.float32)
    limits = tuple(map(np.float32, (weights.threshold, *grids[0].limits)))
    x = channels.matrix(weights.values)
    run = kernels.errors_columns if channels.are_columns else kernels.errors_rows

    def part(rows: slice, columns: slice) -> tuple[slice, NDArray[np.float64]]:
        line = columns if channels.are_columns else rows
        scale, zero = (np.ascontiguousarray(a[:, line]) for a in (scales, zeros))
        partial = np.zeros(scale.shape, np.float64)
        run(x[rows, columns], scale, zero, limits, partial)
        return line, partial

    errors = np.zeros(scales.shape, np.float64)
    for line, partial in in_parts(x.shape, part):
        errors[:, line] += partial
    return np.stack([channels.gather(error, np.add) for error in errors])


def fillers(dense: Floats) -> tuple[int, NDArray[np.int64]]:
    """Number of non-zeros, and of fillers in a relative index of 1 to 16 bits."""
    from workbench.core import kernels

    flat = dense.reshape(1, -1)
    widths = np.arange(1, WIDTHS + 1)

    def part(rows: slice, columns: slice) -> tuple[Any, NDArray[np.int64]]:
        found = np.zeros(WIDTHS, np.int64)
        return kernels.fillers(flat[rows, columns].reshape(-1), found), found

    total, fillers_in_all, gap = 0, np.zeros(WIDTHS, np.int64), 0
    for (kept, leading, trailing), found in in_parts(flat.shape, part):
        gap += leading if kept else trailing
        if kept:
            fillers_in_all += found + (gap >> widths)
            total, gap = total + kept, trailing
    return total, fillers_in_all


def _empty(shape: tuple[int, ...], grid: Grid) -> Pass:
    return Pass(
        np.empty(shape, integer_type(grid.bits, is_symmetric=grid.is_symmetric)),
        aligned.empty(shape),
        np.empty(shape, np.bool_),
        np.empty(0, np.int64),
    )


def in_parts(shape: tuple[int, ...], part: Part) -> list[Any]:
    """Run on parts of a matrix at once: of its rows, or of its only row."""
    axis = 0 if shape[0] > 1 else 1
    count = min(_THREADS, shape[axis], 1 + math.prod(shape) // _A_THREADS)
    ends = np.linspace(0, shape[axis], count + 1).astype(int)
    cuts = [slice(a, b) for a, b in pairwise(ends)]
    whole = slice(None)
    places = [(cut, whole) if axis == 0 else (whole, cut) for cut in cuts]
    # No thread outlives the call: to start one is nothing beside a large tensor.
    with ThreadPoolExecutor(max(len(places) - 1, 1), "compiled-loops") as pool:
        others = [pool.submit(part, *place) for place in places[1:]]
        return [part(*places[0]), *(other.result() for other in others)]
