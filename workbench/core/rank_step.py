"""What the steps that make products of kernels share: ranks, moments, repair in turn.

The ranks follow from what kernels see in the original. Once earlier layers are
compressed, the factors are found again, in turn: those that make what the original made
out of what now comes in. Least squares give the whole kernel that does so best, and of
the products of its ranks the one that lies nearest, by what comes in, errs least; so a
target that hangs on what is made is majorized as for any other repair. A kernel that
is left whole makes up for what comes in as well.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.aims import After
from workbench.core.codes import LowRank
from workbench.core.knob import knob
from workbench.core.layout import Layout
from workbench.core.low_rank import factor, factored, is_new, is_safe, single
from workbench.core.ranks import shared
from workbench.core.reconstruction import refitted
from workbench.core.step import RANK, TensorStep

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.low_rank import Spectrum
    from workbench.core.ranks import Points
    from workbench.core.tensor import CompressedTensor, Site
    from workbench.core.tucker import Tucker

_DAMPING = 0.01
# Each target takes a decomposition, and that of a wider matrix a second and more.
_QUICK = 768


@dataclass(frozen=True)
class RankStep(TensorStep):
    """A step that makes products of kernels.

    Attributes:
        rank: Share of the kernel's weights that the factors have; 1 leaves the kernel
            as it is.
        data_aware: Whether a direction counts by what calibration saw along it, and
            factors make up for those of earlier layers.
        scope: ``global`` shares the weights between all kernels that ask for it, so
            that the relative errors of their layers add up to the least; ``tensor``
            gives each kernel its share.
        place: Which of its `offers` a kernel takes where several have agreed on it; no
            knob.
    """

    phase: ClassVar[int] = RANK
    follows_inputs: ClassVar[bool] = True

    rank: float = knob(1.0, low=0.01, high=1.0)
    data_aware: bool = knob(True)
    scope: str = knob("global", choices=("tensor", "global"))
    place: int | None = field(default=None)

    @abstractmethod
    def decomposed(
        self, values: NDArray[Any], site: Site, gram: Gram | None
    ) -> Spectrum | Tucker:
        """The decomposition of a kernel that the step does not refuse.

        Args:
            values: Weights that are not written to any more.
            site: Their place.
            gram: What they saw, as one matrix; None for the plain one.
        """

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """The product of the rank; the tensor as it is where there is no gain."""
        if self.is_idle or not is_new(tensor) or self.refuses(site) is not None:
            return tensor
        gram = single(site.gram) if self.data_aware else None
        found = self.decomposed(tensor.dense, site, gram)
        place = found.place(self.rank) if self.place is None else self.place
        weights = found.offers[0]
        is_whole = place == len(weights) - 1 or weights[place] >= weights[-1]
        now = gram and single(site.current)
        if now is not None and now.aim is not None:
            return self._in_turn(tensor, site, now, None if is_whole else place)
        if is_whole:
            return tensor
        return factored(tensor, found.code(place, site), site, gram)

    @classmethod
    def agree(
        cls,
        wishes: Mapping[str, Self],
        tensors: Mapping[str, CompressedTensor],
        sites: Mapping[str, Site],
    ) -> Mapping[str, Self]:
        """The place of each kernel in a wish over several of them."""

        def offer(path: str, wish: Self) -> Points | None:
            tensor, site = tensors[path], sites[path]
            if not is_new(tensor):
                return None
            gram = single(site.gram) if wish.data_aware else None
            return wish.decomposed(tensor.dense, site, gram).offers

        places = shared(wishes, offer)
        return {p: replace(w, place=places.get(p)) for p, w in wishes.items()}

    def plain(self) -> Self:
        """The same with all directions counting alike."""
        return replace(self, data_aware=False)

    @property
    def is_idle(self) -> bool:
        """Whether it leaves every tensor as it is."""
        return self.rank == 1.0

    @property
    def is_in_turn(self) -> bool:
        """Whether it asks for what compressed layers give."""
        return self.data_aware and not self.is_idle

    def _in_turn(
        self, tensor: CompressedTensor, site: Site, gram: Gram, place: int | None
    ) -> CompressedTensor:
        """What makes the original's outputs of what comes in; whole without a place."""
        layout = Layout.of(site)
        weights = layout.matrices(tensor.start.astype(np.float64))
        if place is None:
            fitted, shift = refitted(weights, None, gram, _DAMPING)
            return tensor.refitted(layout.tensor(fitted).astype(np.float32), shift)
        aim = gram.aim
        if aim is not None and min(weights.shape[1:]) > _QUICK:
            gram = replace(gram, aim=replace(aim, after=After()))
        root: NDArray[Any] | None = None
        if aim is not None and aim.counts is not None:
            root = np.linalg.cholesky(aim.counts)
        code: LowRank | None = None

        def product(whole: NDArray[np.float64]) -> NDArray[np.float64]:
            nonlocal code
            aimed = whole if root is None else root.T @ whole
            found = self.decomposed(layout.tensor(aimed), site, gram)
            code = found.code(place, site)
            if root is not None:
                code = _undone(code, root)
            return layout.matrices(code.decode().astype(np.float64))

        _, shift = refitted(weights, None, gram, _DAMPING, product)
        if code is None or not is_safe(code):
            return tensor
        return replace(tensor.coded(code), shift=shift)


def _undone(code: LowRank, root: NDArray[np.float64]) -> LowRank:
    """A product whose outputs were multiplied by a root, without that."""
    *factors, last = code.factors
    outputs = last.dense.reshape(-1, len(root)).astype(np.float64)
    made: NDArray[Any] = np.linalg.solve(root.T, outputs.T).T
    return LowRank((*factors, factor(made.reshape(last.dense.shape))), code.shape)
