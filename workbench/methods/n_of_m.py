"""N:M sparsity: at most N of every M neighbours along the inputs are kept.

Hardware for sparse matrix products takes 2:4 (NVIDIA Ampere and later); elsewhere the
regular places make a small index. Source: Mishra et al. 2021, arXiv 2104.08378.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.knob import knob
from workbench.core.layout import Layout
from workbench.core.step import TensorStep, steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor, Site


@steps.add("n_of_m")
@dataclass(frozen=True)
class NOfM(TensorStep):
    """Keep the N largest of every M weights along the last input axis, per output.

    A block never reaches from one place of a convolution's window to the next. Where
    the axis is no multiple of M its last, shorter block counts as filled up with
    zeros, and keeps up to N as well. Ties fall in index order.

    Attributes:
        pattern: ``N:M``.
    """

    name: ClassVar[str] = "n_of_m"
    phase: ClassVar[int] = 10

    pattern: str = knob("2:4", choices=("2:4", "1:4", "4:8"))

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """Mask all but the N largest of each block."""
        kept, block = self._numbers
        keep = _largest(np.abs(tensor.dense), _axis(site), kept, block)
        return tensor if keep.all() else tensor.masked(keep)

    def refuses(self, site: Site) -> str | None:
        """Refuse a kernel whose input axis does not fill one block."""
        axis, (_, block) = _axis(site), self._numbers
        is_long = axis is not None and site.shape[axis] >= block
        return None if is_long else "pattern.short_axis"

    @property
    def _numbers(self) -> tuple[int, int]:
        kept, _, block = self.pattern.partition(":")
        return int(kept), int(block)


def _axis(site: Site) -> int | None:
    """The last axis that is summed over; None where there is none."""
    inputs = Layout.of(site).inputs
    return inputs[-1] if inputs else None


def _largest(
    magnitudes: NDArray[np.float32], axis: int | None, kept: int, block: int
) -> NDArray[np.bool_]:
    """True for the largest of each block along an axis."""
    if axis is None:
        return np.ones(magnitudes.shape, np.bool_)
    length = magnitudes.shape[axis]
    lines = np.moveaxis(magnitudes, axis, 0).reshape(length, -1)
    # What fills up the last block is smaller than any weight.
    filled = np.full((-(-length // block) * block, lines.shape[1]), np.float32(-1))
    filled[:length] = lines
    places = np.ascontiguousarray(
        filled.reshape(-1, block, lines.shape[1]).swapaxes(0, 1)
    )
    above = np.zeros(places.shape, np.uint8)
    for place, values in enumerate(places):
        above[:place] += values >= places[:place]
        above[place + 1 :] += values > places[place + 1 :]
    keep = (above < kept).swapaxes(0, 1).reshape(filled.shape)[:length]
    order = np.moveaxis(magnitudes, axis, 0).shape
    return np.ascontiguousarray(np.moveaxis(keep.reshape(order), 0, axis))
