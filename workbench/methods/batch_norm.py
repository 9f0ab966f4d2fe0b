"""BatchNorm re-estimation: what a compressed kernel gives is normalized as before.

It touches no kernel: `workbench.engine.matched_norms` says what becomes of the moving
mean and variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workbench.core.step import POLISH, ModelStep, steps

if TYPE_CHECKING:
    from workbench.core.tensor import Site


@steps.add("batch_norm")
@dataclass(frozen=True)
class BatchNorm(ModelStep):
    """Re-estimate every BatchNorm behind what has changed, once a kernel asks for it.

    What it sees hangs on all that lies before it, not on one kernel.
    """

    name: ClassVar[str] = "batch_norm"
    phase: ClassVar[int] = POLISH

    def refuses(self, site: Site) -> str | None:
        """Why there is nothing to estimate on."""
        return None if site.is_calibrated else site.unseen
