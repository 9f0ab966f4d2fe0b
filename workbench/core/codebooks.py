"""Codebooks: weights share a few values, those with the least squared error.

In one dimension the best clusters are intervals of the sorted weights, so that they are
found exactly, by dynamic programming over where to cut. Where there are more weights
than points of the search, neighbours among the sorted weights are one point, and
Lloyd's steps on finer points follow. Sources: Han et al. 2016, arXiv 1510.00149; Wang
and Song 2011, Ckmeans.1d.dp; Groenlund et al. 2017, arXiv 1701.07204.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core import fused
from workbench.core.codes import Codebook

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

POINTS = 2048
FINE_POINTS = 2**15
# Cells of the search that may be visited, over all tables: a few tenths of a second.
_WORK = 2**23


def tables_of(
    values: Floats,
    entries: int,
    *,
    kept: NDArray[np.bool_] | None = None,
    axes: tuple[int, ...] = (),
    importance: NDArray[np.float64] | None = None,
) -> Floats:
    """The tables of shared values with the least squared error.

    Args:
        values: Weights, any shape.
        entries: Most entries of a table, 1 to 256.
        kept: Which weights count; None for all.
        axes: Axes with a table of their own, none for one table over all.
        importance: How much a squared error counts, shape of `values`; None for all
            alike.

    Returns:
        As in `workbench.core.codes.Codebook`, ascending; entries that no channel
        needs are left out, those that one does not need repeat its last.
    """
    from workbench.core import codebook_kernels

    rows = lines(values, axes)
    counts = np.full(len(rows), rows.shape[1])
    if kept is not None:
        is_kept = lines(kept, axes)
        counts = np.count_nonzero(is_kept, axis=1)
        rows = np.where(is_kept, rows, np.float32(np.inf))
    if importance is None:
        rows, weights = np.sort(rows, axis=1), np.zeros((len(rows), 0))
    else:
        order = np.argsort(rows, axis=1, kind="stable")
        rows = np.take_along_axis(rows, order, axis=1)
        weights = np.take_along_axis(lines(importance, axes), order, axis=1)
    tables = np.zeros((len(rows), entries), np.float32)
    points = max(min(POINTS, _WORK // (entries * max(len(rows), 1))), 2 * entries)
    limits = (points, max(FINE_POINTS, points))

    def part(a: slice, _: slice) -> int:
        arrays = rows[a], weights[a], counts[a], limits, tables[a]
        return codebook_kernels.find_tables(*arrays)

    used = max(fused.in_parts((len(rows), 1), part))
    shape = tuple(n if a in axes else 1 for a, n in enumerate(values.shape))
    return np.ascontiguousarray(tables[:, :used]).reshape(*shape, used)


def coded(values: Floats, tables: Floats, axes: tuple[int, ...] = ()) -> Codebook:
    """Each weight as the entry of its table that lies nearest; ties to the lower.

    Args:
        values: Weights, any shape.
        tables: From `tables_of`.
        axes: Axes with a table of their own.
    """
    from workbench.core import codebook_kernels

    rows = np.ascontiguousarray(lines(values, axes))
    entries = tables.reshape(len(rows), -1)
    code = codebook(np.empty(values.shape, np.uint8), tables)
    ends = np.full((len(rows), 2**code.bits - 1), np.inf, np.float32)
    ends[:, : entries.shape[1] - 1] = borders(entries)
    indexes, dense = np.empty(rows.shape, np.uint8), np.empty_like(rows)

    def part(a: slice, b: slice) -> None:
        own = a if len(rows) > 1 else slice(None)
        arrays = rows[a, b], ends[own], entries[own], indexes[a, b], dense[a, b]
        codebook_kernels.find_indexes(*arrays)

    fused.in_parts(rows.shape, part)
    return codebook(tensor(indexes, values.shape, axes), tables)


def codebook(indexes: NDArray[np.uint8], tables: Floats) -> Codebook:
    """A code of indexes and tables, as wide as an index must be."""
    bits = max(math.ceil(math.log2(tables.shape[-1])), 1)
    return Codebook(indexes, tables, bits)


def borders(tables: Floats) -> Floats:
    """The largest float32 that goes to the lower one of two neighbouring entries.

    Args:
        tables: Ascending along the last axis.

    Returns:
        One fewer along the last axis.
    """
    middles = (tables[..., 1:].astype(np.float64) + tables[..., :-1]) / 2
    near = middles.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    return np.where(near > middles, below, near)


def lines(values: NDArray[Any], axes: tuple[int, ...]) -> NDArray[Any]:
    """A tensor as rows (channels, weights), one row where there are no axes."""
    count = math.prod(values.shape[a] for a in axes)
    return np.moveaxis(values, axes, range(len(axes))).reshape(count, -1)


def tensor(
    rows: NDArray[Any], shape: tuple[int, ...], axes: tuple[int, ...]
) -> NDArray[Any]:
    """The tensor whose `lines` these are, C-contiguous."""
    order = [*axes, *(a for a in range(len(shape)) if a not in axes)]
    moved = rows.reshape([shape[a] for a in order])
    return np.ascontiguousarray(np.moveaxis(moved, range(len(axes)), axes))
