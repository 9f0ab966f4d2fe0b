"""Which channels of a model move together, read off its graph.

Each entry along a tensor's last axis carries a label. A kernel's outputs get new ones,
which pass through whatever treats channels one by one; a sum ties the labels of what it
adds; a flattening repeats them, a concatenation puts them one behind the other. Every
axis of a variable on the way is labelled too. Entries with one label are one channel.
What is not known how to follow, and the model's ends, hold their channels fast.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.groups import Group, Part
from workbench.engine.channel_labels import FIRST_FREE, INPUT, OUTPUT, Labels
from workbench.engine.channel_rules import outputs_of
from workbench.engine.graph import flatten
from workbench.engine.layers import variables

if TYPE_CHECKING:
    from collections.abc import Iterable

    import keras
    from numpy.typing import NDArray

    from workbench.core.tensor import Site
    from workbench.engine.graph import Graph

_REASONS = ("structure.output", "structure.input", "structure.layer")


def with_groups(model: keras.Model, sites: Iterable[Site]) -> tuple[Site, ...]:
    """The sites, each with the groups it is part of, or with why it is in none."""
    graph = flatten(model)
    if graph is None:
        return tuple(replace(site, bound="structure.no_graph") for site in sites)
    labels = _labelled(model, graph)
    groups = _groups(labels)
    by_path: dict[str, list[Group]] = {}
    for group in groups:
        for path in group.paths("makes", "takes", "follows"):
            by_path.setdefault(path, []).append(group)
    return tuple(
        replace(
            site,
            groups=tuple(by_path.get(site.path, ())),
            bound=_bound(labels, site.path),
        )
        for site in sites
    )


def _labelled(model: keras.Model, graph: Graph) -> Labels:
    """The labels of every axis that a channel passes."""
    labels = Labels({id(v): path for path, v in variables(model).items()})
    known: dict[int, NDArray[np.intp]] = {}
    for tensor, given in zip(graph.inputs, model.inputs, strict=True):
        known[tensor] = labels.held(given.shape, INPUT)
    for call in graph.calls:
        inputs = [known[tensor] for tensor in call.inputs]
        made = outputs_of(call, inputs, labels)
        known.update(zip(call.outputs, made, strict=True))
    for tensor in graph.outputs:
        labels.hold(known[tensor], OUTPUT)
    return labels


def _groups(labels: Labels) -> list[Group]:
    """Channels whose entries lie in the same axes, as many in each, are one group."""
    entries: dict[int, dict[int, list[int]]] = {}
    keys = list(labels.axes)
    for place, key in enumerate(keys):
        for index, label in enumerate(labels.roots(labels.axes[key]).tolist()):
            if label >= FIRST_FREE:
                entries.setdefault(label, {}).setdefault(place, []).append(index)
    alike: dict[tuple[tuple[int, int], ...], list[dict[int, list[int]]]] = {}
    for found in entries.values():
        signature = tuple((place, len(index)) for place, index in found.items())
        alike.setdefault(signature, []).append(found)
    return [
        Group(
            tuple(
                Part(
                    *keys[place],
                    labels.roles[keys[place]],
                    np.array([found[place] for found in channels], np.intp),
                )
                for place, _ in signature
            )
        )
        for signature, channels in alike.items()
    ]


def _bound(labels: Labels, path: str) -> str:
    """Why outputs of a kernel are in no group."""
    for key, role in labels.roles.items():
        if key[0] == path and role != "takes":
            held = labels.roots(labels.axes[key]).min()
            return _REASONS[held] if held < FIRST_FREE else ""
    return "structure.layer"
