"""The compiled solver of `workbench.core.reconstruction`: many small positive systems.

Every row of a kernel has a support of its own, so that each asks for the solution of
another part of one matrix. A part is gathered and factorized as ``U^T U``, eight rows
of U at a time, which lets the compiler keep them in vector registers.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

_compiled: Any = compiled(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"}
)
_ROWS = 32
_MOST_WORKERS = 8


def solve_rows(
    matrix: NDArray[np.float64],
    right: NDArray[np.float64],
    parts: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Solutions of a part of a matrix for each row: ``x_S = (M_SS)^-1 b_S``.

    Args:
        matrix: ``M``, symmetric and positive definite, (inputs, inputs).
        right: A right side b a row, (rows, inputs).
        parts: The part S of each row, shape of `right`.

    Returns:
        Shape of `right`, zero outside of S.
    """
    found = np.zeros(right.shape)
    matrix = np.ascontiguousarray(matrix, np.float64)
    # The long ones first, and each worker takes every so many of them.
    order = np.argsort(-parts.sum(axis=1), kind="stable")
    workers = min(os.cpu_count() or 1, _MOST_WORKERS)

    def solve(rows: NDArray[np.int64]) -> None:
        inside = np.flatnonzero(parts[rows])
        places = inside % parts.shape[1]
        ends = np.cumsum(parts[rows].sum(axis=1))
        values = right[rows].reshape(-1)[inside]
        _solve_parts(matrix, values, places, ends)
        own = np.zeros((len(rows), right.shape[1]))
        own.reshape(-1)[inside] = values
        found[rows] = own

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(solve, (order[i::workers] for i in range(workers))))
    return found


@_compiled
def _solve_parts(matrix: Any, values: Any, places: Any, ends: Any) -> None:
    """Turn right sides into solutions, part after part."""
    start = 0
    for end in ends:
        part, b = places[start:end], values[start:end]
        upper = np.empty((part.size, part.size))
        for i in range(part.size):
            row, given = upper[i], matrix[part[i]]
            for j in range(i, part.size):
                row[j] = given[part[j]]
        _factorize(upper)
        _substitute(upper, b)
        start = end


@_compiled
def _factorize(a: Any) -> Any:
    """The upper Cholesky factor, in place of the upper half.

    A block of rows stays in the cache while all rows above are taken off it.
    """
    n = len(a)
    for first in range(0, n, _ROWS):
        last = min(first + _ROWS, n)
        for start in range(0, first, 8):
            _take_off(a, start, first, last)
        for start in range(first, last, 8):
            stop = min(start + 8, last)
            _finish(a, start, stop)
            if stop < last:
                _take_off(a, start, stop, last)


@_compiled
def _take_off(a: Any, start: Any, first: Any, last: Any) -> None:
    """Subtract the products of eight finished rows from a block of rows."""
    for i in range(first, last):
        row = a[i, i:]
        p, q, r, s = a[start, i:], a[start + 1, i:], a[start + 2, i:], a[start + 3, i:]
        t, u = a[start + 4, i:], a[start + 5, i:]
        v, w = a[start + 6, i:], a[start + 7, i:]
        p0, q0, r0, s0, t0, u0, v0, w0 = p[0], q[0], r[0], s[0], t[0], u[0], v[0], w[0]
        for j in range(row.size):
            row[j] -= ((p0 * p[j] + q0 * q[j]) + (r0 * r[j] + s0 * s[j])) + (
                (t0 * t[j] + u0 * u[j]) + (v0 * v[j] + w0 * w[j])
            )


@_compiled
def _finish(a: Any, start: Any, stop: Any) -> None:
    """Make up to eight rows those of the factor."""
    for k in range(start, stop):
        row = a[k, k:]
        for t in range(start, k):
            above = a[t, k:]
            pull = above[0]
            for j in range(row.size):
                row[j] -= pull * above[j]
        scale = 1 / np.sqrt(row[0])
        for j in range(row.size):
            row[j] *= scale


@_compiled
def _substitute(upper: Any, b: Any) -> None:
    """Solve ``U^T U x = b`` in place."""
    for k in range(b.size):
        row, rest = upper[k, k:], b[k:]
        rest[0] /= row[0]
        value = rest[0]
        for j in range(1, row.size):
            rest[j] -= value * row[j]
    for k in range(b.size - 1, -1, -1):
        row, rest = upper[k, k:], b[k:]
        total = rest[0]
        for j in range(1, row.size):
            total -= row[j] * rest[j]
        rest[0] = total / row[0]
