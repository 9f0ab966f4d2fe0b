"""Low rank: a kernel as the product of two thinner ones.

See `workbench.core.low_rank`; the mean of what is lost goes into the bias.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from workbench.core.knob import knob
from workbench.core.low_rank import (
    WIDEST,
    Matrices,
    factored,
    is_new,
    single,
    spectrum_of,
)
from workbench.core.ranks import shared
from workbench.core.step import TensorStep, steps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from workbench.core.ranks import Points
    from workbench.core.tensor import CompressedTensor, Site


@steps.add("svd")
@dataclass(frozen=True)
class Svd(TensorStep):
    """Keep the largest singular values.

    Attributes:
        rank: Rank as a share of the break-even rank, which is the share of the
            kernel's weights that the factors have; 1 leaves the kernel as it is.
        data_aware: Whether a direction counts by what calibration saw along it.
        scope: ``global`` shares the weights between all kernels that ask for it, so
            that the relative errors of their layers add up to the least; ``tensor``
            gives each kernel its share.
        place: Which of its `offers` a kernel takes where several have agreed on it; no
            knob.
    """

    name: ClassVar[str] = "svd"
    phase: ClassVar[int] = 5

    rank: float = knob(1.0, low=0.01, high=1.0)
    data_aware: bool = knob(True)
    scope: str = knob("global", choices=("tensor", "global"))
    place: int | None = field(default=None)

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """The best product of the rank; the tensor as it is where there is no gain."""
        if self.is_idle or self.refuses(site) is not None:
            return tensor
        gram = single(site.gram) if self.data_aware else None
        spectrum = spectrum_of(tensor.dense, site, gram)
        if spectrum is None or self.place == len(spectrum.offers[0]) - 1:
            return tensor
        matrices = spectrum.matrices
        place = matrices.rank(self.rank) - 1 if self.place is None else self.place
        pair = spectrum.factors(place + 1)
        return factored(tensor, matrices.code(*pair, site), site, gram)

    @classmethod
    def agree(
        cls,
        wishes: Mapping[str, Self],
        tensors: Mapping[str, CompressedTensor],
        sites: Mapping[str, Site],
    ) -> Mapping[str, Self]:
        """The rank of each kernel in a wish over several of them."""

        def offer(path: str, wish: Self) -> Points | None:
            tensor, site = tensors[path], sites[path]
            gram = single(site.gram) if wish.data_aware else None
            found = spectrum_of(tensor.dense, site, gram) if is_new(tensor) else None
            return found and found.offers

        places = shared(wishes, offer)
        return {p: replace(w, place=places.get(p)) for p, w in wishes.items()}

    def plain(self) -> Svd:
        """The same with all directions counting alike."""
        return replace(self, data_aware=False)

    @property
    def is_idle(self) -> bool:
        """Whether it leaves every tensor as it is."""
        return self.rank == 1.0

    def refuses(self, site: Site) -> str | None:
        """Refuse what is no matrix, too small to gain, or too large to decompose."""
        matrices = Matrices.of(site)
        if matrices is None:
            return "low_rank.no_matrix"
        if matrices.full > WIDEST:
            return "low_rank.too_wide"
        return None if matrices.break_even > 1 else "low_rank.no_gain"
