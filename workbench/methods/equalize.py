"""Cross-layer equalization: even ranges before anything is pruned or rounded.

It is done to the model as a whole, from which all other steps then start: see
`workbench.core.equalization` and `workbench.engine.equalize`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from workbench.core.step import ModelStep, steps


@steps.add("equalize")
@dataclass(frozen=True)
class Equalize(ModelStep):
    """Give channels scales that bring the weights of neighbouring kernels to one range.

    Only the scales between kernels that all ask for it are free.
    """

    name: ClassVar[str] = "equalize"
    phase: ClassVar[int] = 1
