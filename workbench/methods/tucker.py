"""Tucker-2: a convolution as three, with fewer channels in the middle one.

See `workbench.core.tucker`; the mean of what is lost goes into the bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from workbench.core.low_rank import WIDEST, Matrices
from workbench.core.rank_step import RankStep
from workbench.core.step import steps
from workbench.core.tucker import smallest_share, tucker_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.tensor import Site
    from workbench.core.tucker import Tucker


@steps.add("tucker")
@dataclass(frozen=True)
class Tucker2(RankStep):
    """Keep the leading directions of the input and of the output channels.

    The two ranks with the least error follow from a share of the weights.
    """

    name: ClassVar[str] = "tucker"

    def decomposed(self, values: NDArray[Any], site: Site, gram: Gram | None) -> Tucker:
        """The directions; see `RankStep`."""
        del site
        return tucker_of(values, gram)

    def refuses(self, site: Site) -> str | None:
        """Refuse what is no convolution, too small to gain, or too large."""
        matrices = Matrices.of(site)
        if matrices is None:
            return "low_rank.no_matrix"
        if np.prod(matrices.window) <= 1:
            return "low_rank.no_window"
        if max(site.shape[-2:]) > WIDEST:
            return "low_rank.too_wide"
        return None if smallest_share(site.shape) < 1 else "low_rank.no_gain"
