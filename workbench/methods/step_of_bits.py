"""A mistake of many tutorials, to see it fail: the bit width taken for the step.

``round(w / B) * B`` with B the number of bits rounds to multiples of 8, 4 or 2, and
trained weights are far smaller than that. The right step is the range divided by the
number of levels: see `workbench.core.affine`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.affine import Grid, encode, quantize
from workbench.core.knob import knob
from workbench.core.step import TensorStep, steps

if TYPE_CHECKING:
    from workbench.core.tensor import CompressedTensor, Site


@steps.add("step_of_bits")
@dataclass(frozen=True)
class StepOfBits(TensorStep):
    """Round weights to multiples of their bit width: do not do this.

    Attributes:
        bits: The number of bits, wrongly used as the step.
    """

    name: ClassVar[str] = "step_of_bits"
    phase: ClassVar[int] = 30

    bits: int = knob(4, low=2, high=8, unit="bits")

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """The tensor with nearly all of its weights at zero."""
        shape = (1,) * len(site.shape)
        scale = np.full(shape, self.bits, np.float32)
        grid = Grid(scale, np.zeros(shape, np.int32), self.bits, is_symmetric=True)
        return tensor.coded(encode(quantize(tensor.dense, grid), grid))
