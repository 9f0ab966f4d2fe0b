"""The uniform grid: ``real = scale * (q - zero_point)``.

Symmetric grids are the narrow signed ones, ``[-(2**(b-1)-1), 2**(b-1)-1]`` with zero
point 0, as LiteRT stores weights; asymmetric ones are ``[0, 2**b-1]`` with the range
nudged so that zero is a grid point. Either way a pruned zero stays exactly zero.

Source: Jacob et al. 2018, arXiv 1712.05877; the nudge is that of TensorFlow's
``fake_quant_with_min_max_vars``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.core.codes import Affine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.codes import Code

Range = Literal["minmax", "mse"]
_BYTE = 8
# Grids end here, so that neither a range nor a grid point leaves float32.
_WIDEST = np.float32(2.0**126)
_SHRUNK = np.linspace(1.0, 0.2, 41, dtype=np.float32)
# Of few levels the best may leave the largest weights far outside.
_FEW_BITS = 3
_FAR_SHRUNK = np.geomspace(0.19, 0.02, 30).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Grid:
    """Scales and zero points of a bit width.

    Attributes:
        scale: Positive, float32, broadcastable to the values.
        zero_point: Int32, shape of `scale`.
        bits: Bit width, 2 to 16.
        is_symmetric: Whether it is the narrow signed grid.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int32]
    bits: int
    is_symmetric: bool

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest integer."""
        return limits(self.bits, is_symmetric=self.is_symmetric)


def limits(bits: int, *, is_symmetric: bool) -> tuple[int, int]:
    """Smallest and largest integer of a grid."""
    if is_symmetric:
        return -(2 ** (bits - 1) - 1), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


def grid_between(
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    bits: int,
    *,
    is_symmetric: bool,
) -> Grid:
    """The grid that covers a range, widened to hold zero.

    ``scale = max(|low|, |high|) / (2**(b-1)-1)`` symmetric, else
    ``(high - low) / (2**b - 1)`` with ``zero_point = round(-low / scale)``.

    Args:
        low: Smallest value of each channel, float32.
        high: Largest value, shape of `low`.
        bits: Bit width, 2 to 16.
        is_symmetric: Which of the two grids.
    """
    low = np.clip(np.asarray(low, np.float32), -_WIDEST, np.float32(0))
    high = np.clip(np.asarray(high, np.float32), np.float32(0), _WIDEST)
    smallest, largest = limits(bits, is_symmetric=is_symmetric)
    if is_symmetric:
        scale = _positive(np.maximum(-low, high) / np.float32(largest))
        return Grid(scale, np.zeros(scale.shape, np.int32), bits, is_symmetric)
    scale = _positive((high - low) / np.float32(largest))
    zero_point = np.clip(np.rint(-low / scale), smallest, largest).astype(np.int32)
    return Grid(scale, zero_point, bits, is_symmetric)


def grid_of(  # noqa: PLR0913  # options, by name
    values: NDArray[np.float32],
    bits: int,
    *,
    is_symmetric: bool,
    channel_axes: tuple[int, ...] = (),
    choice: Range = "minmax",
    importance: NDArray[np.float64] | None = None,
) -> Grid:
    """The grid for given values.

    Args:
        values: Any shape, float32, finite.
        bits: Bit width, 2 to 16.
        is_symmetric: Which of the two grids.
        channel_axes: Axes that keep scales of their own; empty for one per tensor.
        choice: ``minmax`` covers every value; ``mse`` shrinks that range, channel by
            channel, by the one of `shrink_factors` with the least squared error.
        importance: How much each squared error counts, broadcastable to `values`; None
            for all alike.
    """
    axes = tuple(a for a in range(values.ndim) if a not in channel_axes)
    low = values.min(axis=axes, keepdims=True, initial=0)
    high = values.max(axis=axes, keepdims=True, initial=0)
    if choice == "minmax":
        return grid_between(low, high, bits, is_symmetric=is_symmetric)
    best = np.full(low.shape, np.inf, np.float64)
    factor = np.ones(low.shape, np.float32)
    for shrink in shrink_factors(bits):
        tried = grid_between(
            low * shrink, high * shrink, bits, is_symmetric=is_symmetric
        )
        gap = dequantize(quantize(values, tried), tried) - values
        squares = np.square(gap, dtype=np.float64)
        if importance is not None:
            squares *= importance
        error = squares.sum(axis=axes, keepdims=True)
        factor = np.where(error < best, shrink, factor)
        best = np.minimum(error, best)
    return grid_between(low * factor, high * factor, bits, is_symmetric=is_symmetric)


def shrink_factors(bits: int) -> NDArray[np.float32]:
    """Fractions of a range to try for a bit width, from 1 down."""
    return _SHRUNK if bits > _FEW_BITS else np.concatenate([_SHRUNK, _FAR_SHRUNK])


def integer_type(bits: int, *, is_symmetric: bool) -> type[np.integer[Any]]:
    """The smallest type that holds the integers of a grid."""
    if is_symmetric:
        return np.int8 if bits <= _BYTE else np.int16
    return np.uint8 if bits <= _BYTE else np.uint16


def quantize(values: NDArray[np.float32], grid: Grid) -> NDArray[np.integer[Any]]:
    """Round values to the grid: ``q = clip(round(x / scale) + zero_point)``.

    Args:
        values: Any shape to which the grid's scales broadcast, float32.
        grid: The grid.

    Returns:
        Integers within the grid's limits, of their `integer_type`, shape of `values`;
        ties go to even.
    """
    smallest, largest = grid.limits
    with np.errstate(over="ignore"):
        q = values / grid.scale
    np.rint(q, out=q)
    if not grid.is_symmetric:
        q += grid.zero_point.astype(np.float32)
    np.clip(q, smallest, largest, out=q)
    return q.astype(integer_type(grid.bits, is_symmetric=grid.is_symmetric))


def dequantize(q: NDArray[np.integer[Any]], grid: Grid) -> NDArray[np.float32]:
    """The real values of grid integers, float32."""
    return encode(q, grid).decode()


def encode(q: NDArray[np.integer[Any]], grid: Grid) -> Affine:
    """Grid integers together with their grid."""
    return Affine(q, grid.scale, grid.zero_point, grid.bits, grid.is_symmetric)


def grid_of_code(code: Code) -> Grid | None:
    """The grid of a code; None where the values are not quantized."""
    if not isinstance(code, Affine):
        return None
    return Grid(code.scale, code.zero_point, code.bits, code.is_symmetric)


def _positive(scale: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Scales with 1 where the range is empty, so that zeros map to zero."""
    usable = scale >= np.finfo(np.float32).tiny
    return np.where(usable, scale, np.float32(1)).astype(np.float32)
