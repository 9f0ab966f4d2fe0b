"""What the steps of a recipe start from: the original, or an even form of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.core.network import Skipped

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from workbench.core.recipe import Recipe
    from workbench.core.tensor import Site
    from workbench.engine.workload import Workload
    from workbench.session import Session


@dataclass(frozen=True, eq=False)
class Origin:
    """Values that compute what the original computes.

    Attributes:
        workload: The model that has them; None until it is open.
        sites: Its kernels, with what they see.
        weights: Their values by path.
        digests: Hash of each one's values.
        seen: What calibration saw of the activations.
        others: Those other variables that are not the original's, by path.
        skipped: What could not be made even.
        asked: What it was made of and for.
    """

    workload: Workload | None
    sites: tuple[Site, ...]
    weights: Mapping[str, NDArray[np.float32]]
    digests: Mapping[str, str]
    seen: Mapping[str, Any]
    others: Mapping[str, NDArray[Any]] | None = None
    skipped: tuple[Skipped, ...] = ()
    asked: tuple[Any, ...] = ()


def origin(session: Session, recipe: Recipe) -> Generator[None, None, Origin]:
    """What a recipe starts from; the same one until another is asked for.

    Args:
        session: Whose model it is.
        recipe: What is to be done.

    Yields:
        Nothing, after each batch of samples; closing the generator stops it.
    """
    workload, sites = session.workload, session.sites
    paths = tuple(
        site.path
        for site in sites
        if site.can and recipe.asks_for("equalize", [site.path])
    )
    if workload is None or not paths:
        return Origin(workload, sites, session.weights, session.digests, session.seen)
    seen = session.seen if recipe.has_activations else None
    asked = (workload, sites, paths, seen)
    known = session.origin
    if known is None or not _is_same(known.asked, asked):
        known = session.origin = yield from _equalized(session, asked)
    return known


def _is_same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether two askings are; sites are alike before they are calibrated and after."""
    return one[2] == other[2] and all(one[i] is other[i] for i in (0, 1, 3))


def _equalized(
    session: Session, asked: tuple[Any, ...]
) -> Generator[None, None, Origin]:
    from workbench.engine.equalize import equalized

    workload, sites, paths, seen = asked
    found = equalized(workload, sites, paths)
    yield
    if seen and found.workload is not workload:
        seen = yield from _calibrated(session, found.workload)
    given = workload.others
    others = {
        path: values
        for path, values in found.workload.others.items()
        if values is not given[path]
    }
    return Origin(
        found.workload,
        found.sites,
        found.workload.weights,
        found.workload.digests,
        seen or session.seen,
        others or None,
        tuple(Skipped(path, "equalize", why) for path, why in found.reasons.items()),
        asked,
    )


def _calibrated(
    session: Session, workload: Workload
) -> Generator[None, None, Mapping[str, Any]]:
    """The ranges of activations, which scale with their channels."""
    from workbench.engine.calibrator import Calibrator

    calibrator = Calibrator(workload)
    for _ in calibrator.run(seed=session.recipe.seed):
        yield
    return calibrator.seen
