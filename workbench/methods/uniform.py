"""Uniform quantization of weights, symmetric or asymmetric, per tensor or channel.

``q = clip(round(w / scale) + zero_point)``; see `workbench.core.affine` for the grid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from workbench.core import fused
from workbench.core.affine import encode, grid_of, quantize
from workbench.core.channels import channels_of
from workbench.core.codes import Float
from workbench.core.knob import knob
from workbench.core.step import TensorStep, steps
from workbench.methods.magnitude import Magnitude

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
    range: str = knob("minmax", choices=("minmax", "mse"))

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """The tensor on its grid; pruned zeros stay zero."""
        found = self._in_one_pass(tensor, site, threshold=0.0)
        if found is not None:
            return found
        grid = grid_of(
            tensor.dense,
            self.bits,
            is_symmetric=self.symmetric,
            channel_axes=self._axes(site),
            choice=self.range,  # type: ignore[arg-type]
        )
        return tensor.coded(encode(quantize(tensor.dense, grid), grid))

    def follow(
        self, earlier: TensorStep, tensor: CompressedTensor, site: Site
    ) -> CompressedTensor | None:
        """Prune and quantize a large tensor in one pass."""
        is_new = isinstance(tensor.code, Float) and tensor.mask is None
        if not isinstance(earlier, Magnitude):
            return None
        if not is_new or not fused.pays(tensor.dense):
            return None
        cut = earlier.cut(tensor.dense)
        return (
            None if cut.ties else self._in_one_pass(tensor, site, float(cut.threshold))
        )

    def _in_one_pass(
        self, tensor: CompressedTensor, site: Site, threshold: float
    ) -> CompressedTensor | None:
        channels = channels_of(tensor.dense.shape, self._axes(site))
        if channels is None or not fused.pays(tensor.dense):
            return None
        weights = fused.Weights(tensor.dense, channels, threshold)
        grid = fused.grid_of(
            weights,
            self.bits,
            is_symmetric=self.symmetric,
            choice=self.range,  # type: ignore[arg-type]
        )
        made = fused.code(weights, grid)
        mask = tensor.mask
        if threshold and not made.mask.all():
            mask = made.mask
        code = encode(made.q, grid)
        return replace(
            tensor, dense=made.dense, mask=mask, code=code, counts=made.counts
        )

    def _axes(self, site: Site) -> tuple[int, ...]:
        return site.channel_axes if self.granularity == "channel" else ()
