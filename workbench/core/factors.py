"""The steps after a factorization: each factor is a small kernel of its own.

A factor sees what the ones before it make of the inputs: with a factor F the moments
``H`` become ``F^T H F``. Where a window lies on them, the factors before it are laid
on each of its places.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.calibration import Gram
from workbench.core.codes import Composed, Gates, LowRank
from workbench.core.low_rank import Matrices, single
from workbench.core.reconstruction import coded_shift
from workbench.core.step import RANK, TensorStep
from workbench.core.tensor import Site

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor


@dataclass(frozen=True)
class PerFactor(TensorStep):
    """A step whose level is another one for each factor; in no recipe.

    Attributes:
        steps: One for each factor.
    """

    name: ClassVar[str] = "per_factor"
    phase: ClassVar[int] = 10

    steps: tuple[TensorStep, ...]

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """The product with each factor treated by its own step."""
        return applied(self, tensor, site)

    def plain(self) -> PerFactor:
        """The same with plain steps; a step of which nothing is left stays."""
        return PerFactor(tuple(step.plain() or step for step in self.steps))


def applied(step: TensorStep, tensor: CompressedTensor, site: Site) -> CompressedTensor:
    """A tensor after a step, which treats the factors where it is a product.

    A product is not factorized again. A factor that a step refuses stays as it is, and
    a step that needs what calibration gives is plain where a factor's inputs are
    unknown.
    """
    code = tensor.code
    if not isinstance(code, LowRank):
        return step.apply(tensor, site)
    if step.phase == RANK:
        return tensor
    seen = _Seen.by(site)
    made: list[CompressedTensor] = []
    for place, part in enumerate(code.factors):
        own = _site(site, place, part, seen)
        each = step.steps[place] if isinstance(step, PerFactor) else step
        usable = each if own.gram is not None else each.plain()
        is_usable = usable is not None and usable.refuses(own) is None
        made.append(usable.apply(part, own) if usable and is_usable else part)
        seen = seen and seen.through(made[-1])
    product = tensor.coded(LowRank(tuple(made), code.shape))
    gram = single(site.current or site.gram)
    if gram is None or (tensor.shift is None and step.plain() == step):
        return product
    return replace(product, shift=coded_shift(product, tensor, site, gram))


def agreed(
    cls: type[TensorStep],
    wishes: Mapping[str, TensorStep],
    tensors: Mapping[str, CompressedTensor],
    sites: Mapping[str, Site],
) -> dict[str, TensorStep]:
    """What `TensorStep.agree` says, with each factor taking part by itself."""
    products = [path for path in wishes if isinstance(tensors[path].code, LowRank)]
    if not products:
        return dict(cls.agree(wishes, tensors, sites))
    all_wishes, all_tensors, all_sites = dict(wishes), dict(tensors), dict(sites)
    spread: dict[str, list[str]] = {}
    for path in products:
        wish = all_wishes.pop(path)
        parts, places = _parts(all_tensors.pop(path), all_sites.pop(path))
        spread[path] = [place.path for place in places]
        for part, place in zip(parts, places, strict=True):
            all_wishes[place.path] = wish
            all_tensors[place.path] = part
            all_sites[place.path] = place
    levels = dict(cls.agree(all_wishes, all_tensors, all_sites))
    for path, names in spread.items():
        levels[path] = PerFactor(tuple(levels.pop(name) for name in names))
    return levels


def spread(
    tensors: Mapping[str, CompressedTensor],
) -> dict[str, CompressedTensor]:
    """The tensors by path as a file of integers has them.

    A product is there as its factors, ``PATH#0`` and ``PATH#1``. Gates that are all on
    grids are one tensor, as in `Gates.integers`, and else ``PATH[f]`` and so on.
    """
    found: dict[str, CompressedTensor] = {}
    for path, tensor in tensors.items():
        code = tensor.code
        whole = code.integers() if isinstance(code, Gates) else None
        if whole is not None:
            found[path] = replace(tensor, code=whole)
        elif isinstance(code, Composed):
            for place, part in enumerate(code.parts):
                found[code.part_path(path, place)] = part
        else:
            found[path] = tensor
    return found


def no_rank(step: TensorStep, site: Site, earlier: Sequence[TensorStep]) -> str | None:
    """Text key of why a step cannot factorize; None where it can, or does not."""
    if step.phase != RANK:
        return None
    if site.whole:
        return "gate.low_rank"
    is_second = any(one.phase == RANK for one in earlier)
    return "low_rank.second" if is_second else None


def _parts(
    tensor: CompressedTensor, site: Site
) -> tuple[list[CompressedTensor], list[Site]]:
    assert isinstance(tensor.code, LowRank)
    seen = _Seen.by(site)
    places: list[Site] = []
    for place, part in enumerate(tensor.code.factors):
        places.append(_site(site, place, part, seen))
        seen = seen and seen.through(part)
    return list(tensor.code.factors), places


def _site(site: Site, place: int, part: CompressedTensor, seen: _Seen | None) -> Site:
    """The place of a factor: a kernel whose outputs are its last axis."""
    shape = part.dense.shape
    return Site(
        path=f"{site.path}#{place}",
        kind="conv" if len(shape) > 2 else "dense",  # noqa: PLR2004
        shape=shape,
        channel_axes=(len(shape) - 1,),
        layer=site.layer,
        gram=seen.gram(part) if seen else None,
        unseen=site.unseen,
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    """What enters a factor.

    Attributes:
        moments: ``E[x x^T]``, (places, channels, places, channels).
        mean: ``E[x]``, (places, channels).
        origin: Where both come from.
    """

    moments: NDArray[np.float64]
    mean: NDArray[np.float64]
    origin: Gram

    @classmethod
    def by(cls, site: Site) -> _Seen | None:
        """What enters the first factor of a site; None where that is not known."""
        gram, matrices = single(site.current or site.gram), Matrices.of(site)
        if gram is None or matrices is None or matrices.is_swapped:
            return None
        places = math.prod(matrices.window)
        shape = (places, matrices.rows // places)
        moments = gram.moments[0].astype(np.float64).reshape(*shape, *shape)
        return cls(moments, gram.mean[0].astype(np.float64).reshape(shape), gram)

    def gram(self, part: CompressedTensor) -> Gram:
        """What a factor sees; only the last one has a bias behind it."""
        moments, mean = self.moments, self.mean
        if _places(part) < len(mean):
            # Each place of the window is an input of the same small kernel.
            moments = np.einsum("pipj->ij", moments)[None, :, None, :] / len(mean)
            mean = mean.mean(axis=0, keepdims=True)
        return Gram(
            moments.reshape(1, mean.size, mean.size).astype(np.float32),
            mean.reshape(1, -1).astype(np.float32),
            self.origin.count,
        )

    def through(self, part: CompressedTensor) -> _Seen:
        """What the next factor sees."""
        places = _places(part)
        kernel = part.dense.astype(np.float64)
        kernel = kernel.reshape(places, -1, kernel.shape[-1])
        if places < len(self.mean):
            one = kernel[0]
            moments = np.einsum(
                "ir,piqj,js->prqs", one, self.moments, one, optimize=True
            )
            return replace(self, moments=moments, mean=self.mean @ one)
        moments = np.einsum(
            "pir,piqj,qjs->rs", kernel, self.moments, kernel, optimize=True
        )
        mean = np.einsum("pi,pir->r", self.mean, kernel)
        return replace(self, moments=moments[None, :, None, :], mean=mean[None])


def _places(part: CompressedTensor) -> int:
    return math.prod(part.dense.shape[:-2])
