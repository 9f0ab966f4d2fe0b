"""Least squares on the support: what is kept makes up for what was pruned.

See `workbench.core.reconstruction`; the mean goes into the bias, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.knob import knob
from workbench.core.layout import Layout
from workbench.core.reconstruction import refitted
from workbench.core.step import TensorStep, steps
from workbench.core.support import exchanged

if TYPE_CHECKING:
    from workbench.core.calibration import Gram
    from workbench.core.tensor import CompressedTensor, Site


@steps.add("reconstruct")
@dataclass(frozen=True)
class Reconstruct(TensorStep):
    """Refit the kept weights so that the layer makes what it made.

    Attributes:
        damping: Fraction of the inputs' mean second moment that is added to all.
        inputs: What the layer is to make its outputs of: what it sees in the
            ``original``, or what ``compressed`` earlier layers give, layer after layer.
        support: Which weights are kept where magnitude alone has chosen them: the
            ``chosen`` ones, or as many of the tensor, ``exchanged`` for those with
            which the refit loses least.
    """

    name: ClassVar[str] = "reconstruct"
    phase: ClassVar[int] = 20
    follows_inputs: ClassVar[bool] = True

    damping: float = knob(0.01, low=1e-6, high=1.0, scale="log")
    inputs: str = knob("compressed", choices=("original", "compressed"))
    support: str = knob("exchanged", choices=("chosen", "exchanged"))

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """The tensor with its weights refitted; as it is where nothing has changed."""
        gram = site.gram if self.inputs == "original" else site.current or site.gram
        if gram is None or (tensor.mask is None and gram.aim is None):
            return tensor
        layout = Layout.of(site, len(gram.moments))
        weights = layout.matrices(tensor.start.astype(np.float64))
        kept = None if tensor.mask is None else layout.matrices(tensor.mask)
        if kept is not None and tensor.is_open and self._exchanges(gram):
            kept = exchanged(weights, kept, gram, self.damping)
            tensor = replace(tensor, mask=layout.tensor(kept))
        fitted, shift = refitted(weights, kept, gram, self.damping)
        return tensor.refitted(layout.tensor(fitted).astype(np.float32), shift)

    def _exchanges(self, gram: Gram) -> bool:
        """Whether weights are exchanged now: it takes a while, and once is enough."""
        is_last = self.inputs == "original" or gram.aim is not None
        return self.support == "exchanged" and is_last

    @property
    def is_in_turn(self) -> bool:
        """Whether it asks for what compressed layers give."""
        return self.inputs == "compressed"

    def plain(self) -> None:
        """Nothing is left of it without calibration."""
