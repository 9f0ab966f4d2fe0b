"""Uniform quantization of weights, symmetric or asymmetric, per tensor or channel.

``q = clip(round(w / scale) + zero_point)``; see `workbench.core.affine` for the grid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core import fused
from workbench.core.affine import encode, grid_of, integer_type, quantize
from workbench.core.channels import channels_of
from workbench.core.codes import Float
from workbench.core.descent import on_grid
from workbench.core.feedback import RANGE_FACTORS, round_in_best_range
from workbench.core.knob import knob
from workbench.core.layout import Layout
from workbench.core.reconstruction import coded_shift
from workbench.core.step import TensorStep, steps
from workbench.methods.magnitude import Magnitude

if TYPE_CHECKING:
    from workbench.core.calibration import Gram
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
        rounding: Each weight to the ``nearest`` grid point, or with ``feedback``: its
            error passed on to the ones after it, by what calibration saw, which also
            says how much an error counts for the range; ``adaptive`` goes on from
            there for as long as the layer's error falls.
    """

    name: ClassVar[str] = "uniform"
    phase: ClassVar[int] = 30
    follows_inputs: ClassVar[bool] = True

    bits: int = knob(8, low=2, high=16, unit="bits")
    symmetric: bool = knob(True)
    granularity: str = knob("channel", choices=("channel", "tensor"))
    range: str = knob("minmax", choices=("minmax", "mse"))
    rounding: str = knob("nearest", choices=("nearest", "feedback", "adaptive"))

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """The tensor on its grid; pruned zeros stay zero."""
        gram = site.current or site.gram
        if self.rounding != "nearest" and gram is not None:
            return self._repaired(tensor, site, gram)
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
        if self.rounding != "nearest":
            return None
        cut = earlier.cut(tensor.dense)
        return (
            None if cut.ties else self._in_one_pass(tensor, site, float(cut.threshold))
        )

    def plain(self) -> Uniform:
        """The same with each weight rounded to the nearest grid point."""
        return replace(self, rounding="nearest")

    def _repaired(
        self, tensor: CompressedTensor, site: Site, gram: Gram
    ) -> CompressedTensor:
        layout = Layout.of(site, len(gram.moments))
        hessian = gram.hessian()
        aim = layout.matrices(tensor.dense.astype(np.float64))
        kept = np.ones(site.shape, np.bool_) if tensor.mask is None else tensor.mask
        matters = np.einsum("gii->gi", hessian)[:, None]
        grid = grid_of(
            tensor.dense,
            self.bits,
            is_symmetric=self.symmetric,
            channel_axes=self._axes(site),
            choice=self.range,  # type: ignore[arg-type]
            importance=layout.tensor(np.broadcast_to(matters, aim.shape)),
        )
        scale, zero = (
            layout.matrices(np.broadcast_to(part, site.shape))
            for part in (grid.scale, grid.zero_point)
        )
        spread = replace(grid, scale=scale, zero_point=zero)
        given = aim, layout.matrices(kept), hessian, spread
        is_shared, is_fixed = self.granularity == "tensor", self.range != "mse"
        factors = (1.0,) if is_fixed else RANGE_FACTORS
        levels, factors = round_in_best_range(*given, factors, is_shared=is_shared)
        if self.rounding == "adaptive":
            levels, factors = on_grid(
                levels,
                *given,
                factors=factors,
                is_shared=is_shared,
                is_fixed=is_fixed,
            )
        wide = layout.tensor(np.broadcast_to(factors[:, :, None], aim.shape))
        shared = tuple(a for a in range(wide.ndim) if a not in self._axes(site))
        factor = wide.max(axis=shared, keepdims=True)
        grid = replace(grid, scale=grid.scale * factor)
        kind = integer_type(grid.bits, is_symmetric=grid.is_symmetric)
        made = tensor.coded(encode(layout.tensor(levels).astype(kind), grid))
        return replace(made, shift=coded_shift(made, tensor, site, gram))

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
