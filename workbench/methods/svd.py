"""Low rank: a kernel as the product of two thinner ones.

See `workbench.core.low_rank`; the mean of what is lost goes into the bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.core.low_rank import WIDEST, Matrices, spectrum_of
from workbench.core.rank_step import RankStep
from workbench.core.step import steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.low_rank import Spectrum
    from workbench.core.tensor import Site


@steps.add("svd")
@dataclass(frozen=True)
class Svd(RankStep):
    """Keep the largest singular values.

    A rank is a share of the break-even rank.
    """

    name: ClassVar[str] = "svd"

    def decomposed(
        self, values: NDArray[Any], site: Site, gram: Gram | None
    ) -> Spectrum:
        """The singular values; see `RankStep`."""
        found = spectrum_of(values, site, gram)
        assert found is not None, "It is refused."
        return found

    def refuses(self, site: Site) -> str | None:
        """Refuse what is no matrix, too small to gain, or too large to decompose."""
        matrices = Matrices.of(site)
        if matrices is None:
            return "low_rank.no_matrix"
        if matrices.full > WIDEST:
            return "low_rank.too_wide"
        return None if matrices.break_even > 1 else "low_rank.no_gain"
