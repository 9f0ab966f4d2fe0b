"""Tucker-2: a convolution as three, with fewer channels in the middle one.

See `workbench.core.tucker`; the mean of what is lost goes into the bias.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.knob import knob
from workbench.core.low_rank import WIDEST, Matrices, factored, is_new, single
from workbench.core.ranks import shared
from workbench.core.step import TensorStep, steps
from workbench.core.tucker import smallest_share, tucker_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from workbench.core.ranks import Points
    from workbench.core.tensor import CompressedTensor, Site


@steps.add("tucker")
@dataclass(frozen=True)
class Tucker2(TensorStep):
    """Keep the leading directions of the input and of the output channels.

    Attributes:
        rank: Share of the kernel's weights that the factors may have; the two ranks
            with the least error follow. 1 leaves the kernel as it is.
        data_aware: Whether a direction counts by what calibration saw along it.
        scope: ``global`` shares the weights between all kernels that ask for it, so
            that the relative errors of their layers add up to the least; ``tensor``
            gives each kernel its share.
        place: Which of its `offers` a kernel takes where several have agreed on it; no
            knob.
    """

    name: ClassVar[str] = "tucker"
    phase: ClassVar[int] = 5

    rank: float = knob(1.0, low=0.01, high=1.0)
    data_aware: bool = knob(True)
    scope: str = knob("global", choices=("tensor", "global"))
    place: int | None = field(default=None)

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """The factors; the tensor as it is where there is no gain."""
        if self.is_idle or self.refuses(site) is not None:
            return tensor
        gram = single(site.gram) if self.data_aware else None
        found = tucker_of(tensor.dense, gram)
        place = self.place
        ranks = found.ranks(self.rank) if place is None else found.ranks_at(place)
        if found.cost(*ranks) >= tensor.dense.size:
            return tensor
        return factored(tensor, found.code(*ranks, site), site, gram)

    @classmethod
    def agree(
        cls,
        wishes: Mapping[str, Self],
        tensors: Mapping[str, CompressedTensor],
        sites: Mapping[str, Site],
    ) -> Mapping[str, Self]:
        """The ranks of each kernel in a wish over several of them."""

        def offer(path: str, wish: Self) -> Points | None:
            gram = single(sites[path].gram) if wish.data_aware else None
            values = tensors[path]
            return tucker_of(values.dense, gram).offers if is_new(values) else None

        places = shared(wishes, offer)
        return {p: replace(w, place=places.get(p)) for p, w in wishes.items()}

    def plain(self) -> Tucker2:
        """The same with all directions counting alike."""
        return replace(self, data_aware=False)

    @property
    def is_idle(self) -> bool:
        """Whether it leaves every tensor as it is."""
        return self.rank == 1.0

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
