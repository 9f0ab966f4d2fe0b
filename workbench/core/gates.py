"""The gates of recurrent kernels: slices of the last axis, each a tensor of its own.

A plan may name one, ``lstm/kernel[f]``; then the kernel is treated gate by gate, and
what came of the gates is put side by side again. A gate is a place like any other: all
that is special about it is here. What a kernel sees, each of its gates sees.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from workbench.core.codes import Affine, Codebook, Float, Gates
from workbench.core.errors import UserError
from workbench.core.groups import Group, Part
from workbench.core.plan import Plan
from workbench.core.tensor import CompressedTensor, Site

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.codes import Code
    from workbench.core.recipe import Recipe

_LSTM = ("i", "f", "c", "o")
GATES = {
    "LSTM": _LSTM,
    "GRU": ("z", "r", "h"),
    **{f"ConvLSTM{axes}D": _LSTM for axes in (1, 2, 3)},
}
"""Names of the gates in Keras' order, by class of the recurrent layer."""
_NAMES = frozenset(name for names in GATES.values() for name in names)
_GATE = re.compile(r"(.+)\[([^\[\]/]*)\]", re.DOTALL)


def gates_of(site: Site) -> tuple[Site, ...]:
    """The places of a kernel's gates; none where it has none."""
    count = len(site.gates)
    if not count or site.shape[-1] % count:
        return ()
    width = site.shape[-1] // count
    return tuple(
        replace(
            site,
            path=f"{site.path}[{name}]",
            shape=(*site.shape[:-1], width),
            macs=None if site.macs is None else site.macs // count,
            current=site.current and _seen(site.current, place * width, width),
            slopes=site.slopes and site.slopes.shared(count),
            gates=(),
            whole=site.path,
            start=place * width,
        )
        for place, name in enumerate(site.gates)
    )


def _seen(gram: Gram, start: int, count: int) -> Gram:
    """What a kernel sees, with the aim of some neighbouring outputs alone."""
    if gram.aim is None:
        return gram
    return replace(gram, aim=gram.aim.part(start, count), label=gram.digest)


def with_gates(sites: Iterable[Site]) -> tuple[Site, ...]:
    """The places, each followed by those of its gates."""
    return tuple(part for site in sites for part in (site, *gates_of(site)))


def whole_of(path: str, paths: Container[str]) -> str:
    """The kernel that a path names a gate of, if it is among some; else the path."""
    found = _GATE.fullmatch(path)
    return found[1] if found and found[1] in paths else path


def slice_of(values: NDArray[Any], site: Site) -> NDArray[Any]:
    """What of its kernel's values belongs to a place: of a gate a slice, in memory."""
    if not site.whole:
        return values
    own = values[..., site.start : site.start + site.shape[-1]]
    return np.ascontiguousarray(own)


def weights_of(
    weights: Mapping[str, NDArray[np.float32]], site: Site
) -> NDArray[np.float32]:
    """The weights at a place."""
    return slice_of(weights[site.whole or site.path], site)


def tensor_of(tensors: Mapping[str, CompressedTensor], site: Site) -> CompressedTensor:
    """What became of a place; of a gate that was not treated alone, its slice."""
    tensor = tensors[site.whole or site.path]
    if not site.whole:
        return tensor
    known = _SLICES.setdefault(tensor, {})
    if site.path not in known:
        known[site.path] = _gate_of(tensor, site)
    return known[site.path]


_SLICES: WeakKeyDictionary[CompressedTensor, dict[str, CompressedTensor]] = (
    WeakKeyDictionary()
)


def _gate_of(tensor: CompressedTensor, site: Site) -> CompressedTensor:
    code = tensor.code
    if isinstance(code, Gates):
        return code.parts[site.start // site.shape[-1]]
    return CompressedTensor(
        slice_of(tensor.dense, site),
        None if tensor.mask is None else slice_of(tensor.mask, site),
        _code_of(tensor, site),
    )


def _code_of(tensor: CompressedTensor, site: Site) -> Code:
    """The code of a gate of a kernel that was treated whole."""
    code = tensor.code

    def own(values: NDArray[Any]) -> NDArray[Any]:
        return slice_of(values, site) if values.shape[-1] > 1 else values

    if isinstance(code, Affine):
        scale, zero_point = own(code.scale), own(code.zero_point)
        q = slice_of(code.q, site)
        return replace(code, q=q, scale=scale, zero_point=zero_point)
    if isinstance(code, Codebook):
        # The last axis of the centroids is none of the tensor's.
        centroids = np.swapaxes(own(np.swapaxes(code.centroids, -1, -2)), -1, -2)
        return replace(code, indexes=slice_of(code.indexes, site), centroids=centroids)
    return Float(slice_of(tensor.dense, site))


def check_gates(recipe: Recipe, sites: Sequence[Site]) -> None:
    """Refuse a plan for a gate that its kernels do not have.

    A pattern over kernels may name a gate of any recurrent layer: the model need not
    have one.

    Raises:
        UserError: If there is one.
    """
    every = with_gates(sites)
    for plan in recipe.plans:
        found = _GATE.fullmatch(plan.target)
        if found is None or any(plan.matches(site.path) for site in every):
            continue
        kernels, gate = (Plan(target) for target in found.groups())
        if set("*?").intersection(kernels.target) and any(map(gate.matches, _NAMES)):
            continue
        meant = [site for site in sites if kernels.matches(site.path)]
        for site in sorted(meant, key=lambda one: not one.gates):
            key = "gate.unknown" if site.gates else "gate.none"
            known = ", ".join(site.gates)
            raise UserError(key, path=site.path, known=known, received=plan.target)


def apart(sites: Sequence[Site], recipe: Recipe) -> tuple[Site, ...]:
    """The places that a recipe treats: a kernel is its gates where a plan names one.

    Args:
        sites: The kernels.
        recipe: What to do.
    """
    split = {
        site.path: gates
        for site in sites
        if (gates := gates_of(site)) and _names_a_gate(recipe, site, gates)
    }
    if not split:
        return tuple(sites)
    return tuple(
        replace(part, groups=tuple(_group_of(group, split) for group in part.groups))
        for site in sites
        for part in split.get(site.path, (site,))
    )


def _names_a_gate(recipe: Recipe, site: Site, gates: Sequence[Site]) -> bool:
    return any(
        bool(plan.steps)
        and not plan.matches(site.path)
        and any(plan.matches(gate.path) for gate in gates)
        for plan in recipe.plans
    )


def _group_of(group: Group, split: Mapping[str, Sequence[Site]]) -> Group:
    """A group whose parts lie in gates; the same object each time."""
    paths = frozenset(split).intersection(part.path for part in group.parts)
    if not paths:
        return group
    known = _GROUPS.setdefault(group, {})
    if paths not in known:
        known[paths] = Group(
            tuple(
                own
                for part in group.parts
                for own in _parts_of(part, split.get(part.path, ()))
            )
        )
    return known[paths]


_GROUPS: WeakKeyDictionary[Group, dict[frozenset[str], Group]] = WeakKeyDictionary()


def _parts_of(part: Part, gates: Sequence[Site]) -> tuple[Part, ...]:
    """Where channels lie in each gate: a unit has its column in all of them."""
    if not gates:
        return (part,)
    found: list[Part] = []
    for gate in gates:
        index = part.index
        if part.axis == len(gate.shape) - 1:
            index = index - gate.start
            is_inside = (index >= 0) & (index < gate.shape[-1])
            index = index[is_inside].reshape(len(index), -1)
        found.append(replace(part, path=gate.path, index=index))
    return tuple(found)


def joined(
    parts: Sequence[CompressedTensor], site: Site, weights: NDArray[np.float32]
) -> CompressedTensor:
    """A kernel from what became of its gates.

    Args:
        parts: The gates, in their order.
        site: The kernel's place.
        weights: The kernel before any step.
    """
    if all(part.dense is part.original for part in parts):
        return CompressedTensor.of(weights)
    code = Gates(tuple(parts), site.shape, site.gates)
    shift = None
    if any(part.shift is not None for part in parts):
        shift = np.concatenate(
            [
                np.zeros(part.dense.shape[-1], np.float32)
                if part.shift is None
                else part.shift
                for part in parts
            ]
        )
    dense = code.decode()
    return CompressedTensor(dense, code.mask, code, original=weights, shift=shift)
