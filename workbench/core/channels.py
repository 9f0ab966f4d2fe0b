"""How the channels of a tensor lie in memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Channels:
    """A C-contiguous tensor seen as ``(outer, count, inner)``, a channel in the middle.

    Attributes:
        outer: Product of the axes before those of the channels.
        count: Number of channels.
        inner: Product of the axes behind.
        shape: Shape of an array of scales: 1 but along the channels' axes.
    """

    outer: int
    count: int
    inner: int
    shape: tuple[int, ...]

    @property
    def are_columns(self) -> bool:
        """Whether neighbours in memory belong to different channels."""
        return self.inner == 1 and self.count > 1

    def matrix(self, values: NDArray[Any]) -> NDArray[Any]:
        """The tensor as a matrix: each column is a channel, or each row part of one."""
        if self.are_columns:
            return values.reshape(self.outer, self.count)
        return values.reshape(self.outer * self.count, self.inner)

    def spread(self, scales: NDArray[Any]) -> NDArray[Any]:
        """One entry for each column or row of `matrix`."""
        flat = scales.reshape(-1)
        return flat if self.are_columns else np.tile(flat, self.outer)

    def gather(self, lines: NDArray[Any], reduce: np.ufunc) -> NDArray[Any]:
        """One entry for each channel, in `shape`, from one for each column or row."""
        if not self.are_columns:
            lines = reduce.reduce(lines.reshape(self.outer, self.count), axis=0)
        return lines.reshape(self.shape)


def channels_of(shape: tuple[int, ...], axes: tuple[int, ...]) -> Channels | None:
    """How channels along some axes lie in a tensor; None where they are scattered.

    Args:
        shape: Shape of the tensor.
        axes: Axes with a scale of their own, none for one scale over all.
    """
    scales = tuple(n if a in axes else 1 for a, n in enumerate(shape))
    wide = [axis for axis in sorted(axes) if shape[axis] > 1]
    if not wide:
        return Channels(1, 1, math.prod(shape), scales)
    first, last = wide[0], wide[-1] + 1
    if any(shape[a] > 1 for a in range(first, last) if a not in axes):
        return None
    return Channels(
        math.prod(shape[:first]),
        math.prod(shape[first:last]),
        math.prod(shape[last:]),
        scales,
    )
