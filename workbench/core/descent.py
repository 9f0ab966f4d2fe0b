"""Adaptive rounding: each weight takes its best level for as long as that helps.

A row's error is ``d H d`` with ``d = w - w'`` and ``H = E[x x^T]``. Of all values that
weight j alone could have, ``w'_j + (d H)_j / H_jj`` is the best, and of some levels the
one nearest to it. Weight after weight takes that, ``d H`` follows, until a sweep over
the row moves none. In between, where it may, the step of a grid takes its best value,
``s = (w H u) / (u H u)`` for ``w' = s u``. So the error only falls.

Sources: Nagel et al. 2020, arXiv 2004.10568, for rounding by what a layer makes; Behdin
et al. 2023, arXiv 2309.01885, for coordinate descent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.compiled import compiled
from workbench.core.fused import in_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from workbench.core.affine import Grid

    Matrices = NDArray[np.float64]
    Floats = NDArray[np.float32]

# More of them win a hundredth of what the first do.
_ROUNDS = 4
_SWEEPS = 32
# Of a move's square: what wins less may be rounding.
_LEAST = 1e-9
_compiled: Any = compiled(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract"}
)


def on_grid(  # noqa: PLR0913  # options, by name
    levels: Matrices,
    weights: Matrices,
    kept: NDArray[np.bool_],
    hessian: Matrices,
    grid: Grid,
    *,
    factors: Floats,
    is_shared: bool = False,
    is_fixed: bool = False,
) -> tuple[Matrices, Floats]:
    """Better integers of a grid, and better scales.

    Args:
        levels: Integers to start from, float64, the zero point added, (groups, outputs,
            inputs).
        weights: What they stand for, shape of `levels`.
        kept: Which are not pruned, shape of `levels`; the others stay.
        hessian: ``H``, positive definite, (groups, inputs, inputs).
        grid: With a scale and a zero point for each row, in the shape of `levels`.
        factors: By which the rows' scales are multiplied, (groups, outputs).
        is_shared: Whether all rows must have the same scale.
        is_fixed: Whether scales stay.

    Returns:
        The integers, and the factor of each row.
    """
    found, factors = levels.copy(), factors.copy()
    steps, zeros = grid.scale[..., 0], grid.zero_point[..., 0].astype(np.float64)
    wished = weights @ hessian
    made = (levels - zeros[..., None]) @ hessian
    for _ in range(_ROUNDS):
        if not is_fixed:
            best = _best_scales(found - zeros[..., None], wished, made, is_shared)
            is_usable = np.isfinite(best) & (best > 0)
            factors[is_usable] = (best / steps)[is_usable]
        scales = (steps * factors).astype(np.float64)
        moves = 0
        for group, h in enumerate(hessian):
            rows = (found, kept, wished, made, scales)
            own = tuple(array[group] for array in rows)
            moves += _in_rows(lambda part, h=h: _on_grid(part, h, grid.limits), own)
        if not moves:
            break
    return found, factors


def in_table(
    codes: NDArray[np.uint8],
    weights: Matrices,
    kept: NDArray[np.bool_],
    hessian: Matrices,
    tables: Matrices,
) -> NDArray[np.uint8]:
    """Better entries of tables of values.

    Args:
        codes: Places in the tables to start from, (groups, outputs, inputs).
        weights: As for `on_grid`.
        kept: As for `on_grid`; the others are zero, whatever their code.
        hessian: As for `on_grid`.
        tables: Values of each row, ascending, (groups, outputs, entries).

    Returns:
        Shape of `codes`.
    """
    found = codes.copy()
    values = np.take_along_axis(tables, codes.astype(np.intp), axis=-1)
    pulls = (weights - np.where(kept, values, 0.0)) @ hessian
    for group, h in enumerate(hessian):
        own = tuple(array[group] for array in (found, kept, pulls, tables))
        _in_rows(lambda part, h=h: _in_table(part, h), own)
    return found


def _best_scales(
    units: Matrices, wished: Matrices, made: Matrices, is_shared: bool
) -> Matrices:
    """``(w H u) / (u H u)`` of each row, or of all; not finite where u is zero."""
    top = np.einsum("goi,goi->go", units, wished)
    bottom = np.einsum("goi,goi->go", units, made)
    if is_shared:
        top, bottom = (np.full_like(part, part.sum()) for part in (top, bottom))
    with np.errstate(divide="ignore", invalid="ignore"):
        return top / bottom


def _in_rows(
    run: Callable[[tuple[NDArray[Any], ...]], int], arrays: tuple[NDArray[Any], ...]
) -> int:
    """Run on parts of the rows at once; how often a weight has moved."""

    def part(rows: slice, _: slice) -> int:
        return run(tuple(array[rows] for array in arrays))

    return sum(in_parts((len(arrays[0]), 1), part))


@_compiled
def _on_grid(rows: Any, h: Any, limits: Any) -> int:
    """Move integers, and ``u H`` with them; how many were moved."""
    levels, kept, wished, made, scales = rows
    low, high = limits
    moves = 0
    for r in range(len(levels)):
        q, u, scale = levels[r], made[r], scales[r]
        for _ in range(_SWEEPS):
            before = moves
            for j in range(q.size):
                if not kept[r, j]:
                    continue
                pull = (wished[r, j] / scale - u[j]) / h[j, j]
                move = min(max(q[j] + np.rint(pull), low), high) - q[j]
                if move * (2 * pull - move) > _LEAST * move * move:
                    moves += 1
                    q[j] += move
                    _add(u, move, h[j])
            if moves == before:
                break
    return moves


@_compiled
def _in_table(rows: Any, h: Any) -> int:
    """Move codes, and ``d H`` with them; how many were moved."""
    codes, kept, pulls, tables = rows
    moves = 0
    for r in range(len(codes)):
        code, g, table = codes[r], pulls[r], tables[r]
        for _ in range(_SWEEPS):
            before = moves
            for j in range(code.size):
                if not kept[r, j]:
                    continue
                now, pull = table[code[j]], g[j] / h[j, j]
                best = _nearest(table, now + pull)
                move = table[best] - now
                if move * (2 * pull - move) > _LEAST * move * move:
                    moves += 1
                    code[j] = best
                    _add(g, -move, h[j])
            if moves == before:
                break
    return moves


@_compiled
def _nearest(table: Any, value: Any) -> Any:
    """The place of the nearest entry; of equals the first."""
    first, end = 0, table.size
    while first < end:
        middle = (first + end) // 2
        if table[middle] < value:
            first = middle + 1
        else:
            end = middle
    if first == 0:
        return first
    is_below = first == table.size or value - table[first - 1] <= table[first] - value
    return first - 1 if is_below else first


@_compiled
def _add(sums: Any, factor: Any, row: Any) -> None:
    for k in range(sums.size):
        sums[k] += factor * row[k]
