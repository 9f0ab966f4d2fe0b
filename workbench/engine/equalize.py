"""A model whose channels are scaled so that its kernels have even ranges.

It computes the same, to float error, which is tried on real samples each time. See
`workbench.core.equalization` for the scales, `workbench.engine.scale_rules` for where
there can be some.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.equalization import Mark, scaled, scales_of
from workbench.core.layout import Layout
from workbench.core.network import array_digest
from workbench.engine.channel_labels import FIRST_FREE
from workbench.engine.layers import clone, layers, variables
from workbench.engine.realize import is_same
from workbench.engine.scale_rules import Scales

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.tensor import Site
    from workbench.engine.workload import Workload

_SAMPLES = 16


@dataclass(frozen=True, eq=False)
class Equalized:
    """A workload with other values that compute the same.

    Attributes:
        workload: With a model of its own; the given one where no scale is free.
        sites: Its kernels, with what they see now.
        reasons: Text key of why a kernel is left alone, by path.
    """

    workload: Workload
    sites: tuple[Site, ...]
    reasons: Mapping[str, str]


def equalized(
    workload: Workload, sites: Sequence[Site], paths: Collection[str]
) -> Equalized:
    """Scale the channels of some kernels.

    Args:
        workload: The model; it is not changed.
        sites: Its kernels, with their Gram matrices where these are known.
        paths: The kernels that may be scaled.
    """
    marks = _marks(workload, paths)
    if marks is None:
        return _refused(workload, sites, paths, "polish.no_graph")
    free = {mark.path for mark in marks if (mark.channels >= 0).any()}
    reasons = {path: "polish.no_scale" for path in paths if path not in free}
    asking = {path: workload.weights[path] for path in paths if path in free}
    if not asking:
        return Equalized(workload, tuple(sites), reasons)
    scales = scales_of(asking, marks)
    by_path: dict[str, list[Mark]] = {}
    for mark in marks:
        if (mark.channels >= 0).any():
            by_path.setdefault(mark.path, []).append(mark)
    epsilons = _epsilons(workload)
    given = {**workload.others, **workload.weights}
    values = {
        path: scaled(given[path], own, scales, epsilons.get(path, 0.0))
        for path, own in by_path.items()
    }
    model = clone(workload.model)
    places = variables(model)
    for path, value in values.items():
        places[path].assign(value)
    if not is_same(workload.model, model, workload.examples(_SAMPLES)):
        return _refused(workload, sites, paths, "polish.differs")
    weights = {path: values.get(path, old) for path, old in workload.weights.items()}
    made = replace(
        workload,
        model=model,
        weights=weights,
        others={path: values.get(path, old) for path, old in workload.others.items()},
        digests={
            path: array_digest(values[path]) if path in values else old
            for path, old in workload.digests.items()
        },
    )
    seeing = tuple(_seeing(site, by_path.get(site.path, ()), scales) for site in sites)
    return Equalized(made, seeing, reasons)


def _refused(
    workload: Workload, sites: Sequence[Site], paths: Collection[str], reason: str
) -> Equalized:
    return Equalized(workload, tuple(sites), dict.fromkeys(paths, reason))


def _marks(workload: Workload, paths: Collection[str]) -> list[Mark] | None:
    """Where channels lie; those of kernels that may not be scaled are held fast."""
    scales = Scales.of(workload.model)
    if scales is None:
        return None
    for (path, _, _), channels in scales.marks.items():
        if path in workload.weights and path not in paths:
            scales.labels.hold(channels)
    roots = {key: scales.labels.roots(labels) for key, labels in scales.marks.items()}
    used = np.unique(np.concatenate([np.zeros(0, np.intp), *roots.values()]))
    used = used[used >= FIRST_FREE]
    return [
        Mark(
            *key,
            np.where(labels >= FIRST_FREE, np.searchsorted(used, labels), -1),
        )
        for key, labels in roots.items()
    ]


def _epsilons(workload: Workload) -> dict[str, float]:
    """What each BatchNorm adds to its variance, by path of that."""
    return {
        f"{address}/moving_variance": layer.epsilon
        for address, layer in layers(workload.model).items()
        if hasattr(layer, "moving_variance")
    }


def _seeing(site: Site, marks: Sequence[Mark], scales: NDArray[np.float64]) -> Site:
    """The site with the moments of the scaled inputs."""
    taking = [mark for mark in marks if mark.role == "takes"]
    if site.gram is None or not taking:
        return site
    ones = np.ones(site.shape, np.float32)
    layout = Layout.of(site, len(site.gram.moments))
    factor: Any = 1 / layout.matrices(scaled(ones, taking, scales))[:, 0]
    gram = replace(
        site.gram,
        moments=(site.gram.moments * factor[:, :, None] * factor[:, None]).astype(
            np.float32
        ),
        mean=(site.gram.mean * factor).astype(np.float32),
    )
    return replace(site, gram=gram)
