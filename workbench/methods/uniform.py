"""Uniform quantization of weights, symmetric or asymmetric, per tensor or channel.

``q = clip(round(w / scale) + zero_point)``; see `workbench.core.affine` for the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workbench.core.affine import encode, grid_of, quantize
from workbench.core.knob import knob
from workbench.core.step import TensorStep, steps

if TYPE_CHECKING:
    from workbench.core.tensor import CompressedTensor, Site


@steps.add("uniform")
@dataclass(frozen=True)
class Uniform(TensorStep):
    """Round weights to a uniform grid.

    Attributes:
        bits: Bit width of a weight.
        symmetric: Whether the grid is the narrow signed one around zero.
        granularity: One scale per ``channel`` or one per ``tensor``.
        range: ``minmax`` covers every weight, ``mse`` has the least squared error.
    """

    name: ClassVar[str] = "uniform"
    phase: ClassVar[int] = 30

    bits: int = knob(8, low=2, high=16, unit="bits")
    symmetric: bool = knob(True)
    granularity: str = knob("channel", choices=("channel", "tensor"))
    range: str = knob("mse", choices=("minmax", "mse"))

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """The tensor on its grid; pruned zeros stay zero."""
        grid = grid_of(
            tensor.dense,
            self.bits,
            is_symmetric=self.symmetric,
            channel_axes=site.channel_axes if self.granularity == "channel" else (),
            choice=self.range,  # type: ignore[arg-type]
        )
        return tensor.coded(encode(quantize(tensor.dense, grid), grid))
