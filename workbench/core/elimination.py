"""In which order channels go: the least harm for each weight saved, one at a time.

A channel's harm is the error that its loss makes in the kernels that take it, as a
fraction of what those kernels make. With Gram matrices that is what no refit of the
other inputs can make up for: for rows J of a kernel W, ``tr(W_J^T (H^-1_JJ)^-1 W_J)``;
W and ``H^-1`` follow each loss. Without, it is the energy of the weights.

Sources: Hassibi and Stork 1993; Frantar and Alistarh 2022, arXiv 2208.11580.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary, ref

import numpy as np

from workbench.core.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.groups import Group, Part
    from workbench.core.tensor import Site

    Floats = NDArray[np.float64]
    Weights = Mapping[str, NDArray[np.float32]]

# Its own types leave the result open.
_linalg = cast("Any", np.linalg)
# Wide groups lose several channels at a time.
_ROUNDS = 256


@dataclass(frozen=True, eq=False)
class Elimination:
    """The order in which the channels of some groups go, for every share at once.

    Attributes:
        group: Number of the group of each that goes, in this order.
        channel: Its number in the group.
        saved: Weights of the wished tensors that are saved so far, ascending.
        total: Weights of the wished tensors.
    """

    group: NDArray[np.intp]
    channel: NDArray[np.intp]
    saved: NDArray[np.int64]
    total: int

    def at(self, share: float) -> tuple[NDArray[np.intp], ...]:
        """Group and channel of all that go for a share of the weights.

        Args:
            share: Fraction of the weights to save, 0 to 1; the nearest one is.
        """
        if not self.saved.size:
            return self.group, self.channel
        wanted = share * self.total
        ends = np.concatenate([[0], self.saved])
        count = int(np.abs(ends - wanted).argmin())
        return self.group[:count], self.channel[:count]


def elimination(
    groups: Sequence[Group],
    weights: Weights,
    sites: Mapping[str, Site],
    *,
    score: str,
    wished: Sequence[str],
) -> Elimination:
    """The order for some groups; kept for as long as the first of them is.

    Args:
        groups: Whose channels may go; one of each stays.
        weights: The kernels in the groups.
        sites: Their places, with Gram matrices where known.
        score: ``obs`` by the error that is left after a refit, ``norm`` by the energy
            of the weights that make a channel.
        wished: The kernels whose weights count as saved.
    """
    if not groups:
        none = np.zeros(0, np.intp)
        return Elimination(none, none, none.astype(np.int64), 1)
    paths = sorted(weights)
    given = (
        *groups,
        *(weights[path] for path in paths),
        *(gram for path in paths if (gram := sites[path].gram) is not None),
    )
    known = _KEPT.setdefault(groups[0], {})
    kept = known.get((score, tuple(wished)))
    if kept is None or not kept.is_of(given):
        scorer = _Errors if score == "obs" else _Energies
        found = _ordered(groups, scorer(groups, weights, sites), sites, wished)
        kept = _Kept(tuple(map(ref, given)), found)
        known[score, tuple(wished)] = kept
    return kept.found


@dataclass(frozen=True, eq=False)
class _Kept:
    """An order, and what it was found for, for as long as that is there."""

    given: tuple[ref[Any], ...]
    found: Elimination

    def is_of(self, given: Sequence[object]) -> bool:
        return len(given) == len(self.given) and all(
            mine() is other for mine, other in zip(self.given, given, strict=True)
        )


_KEPT: WeakKeyDictionary[Group, dict[tuple[str, tuple[str, ...]], _Kept]] = (
    WeakKeyDictionary()
)


def _ordered(
    groups: Sequence[Group],
    scorer: _Errors | _Energies,
    sites: Mapping[str, Site],
    wished: Sequence[str],
) -> Elimination:
    sizes = _Sizes(groups, sites)
    left = [group.channels for group in groups]
    near = [
        [j for j, other in enumerate(groups) if _meet(group, other)] for group in groups
    ]
    errors = [scorer.errors(number) for number in range(len(groups))]
    total = saved = sizes.of(wished)
    order: list[tuple[int, int, int]] = []
    while any(count > 1 for count in left):
        prices = [
            found.min() / sizes.saving(number) if left[number] > 1 else np.inf
            for number, found in enumerate(errors)
        ]
        number = int(np.argmin(prices))
        most = max(1, groups[number].channels // _ROUNDS)
        chosen = np.argsort(errors[number], kind="stable")
        chosen = chosen[: min(most, left[number] - 1)]
        scorer.lose(number, chosen)
        left[number] -= len(chosen)
        for channel in chosen.tolist():
            sizes.lose(number)
            saved = sizes.of(wished)
            order.append((number, channel, total - saved))
        for other in near[number]:
            errors[other] = scorer.errors(other)
    table = np.array(order, np.int64).reshape(-1, 3)
    return Elimination(
        table[:, 0].astype(np.intp), table[:, 1].astype(np.intp), table[:, 2], total
    )


def _meet(one: Group, two: Group) -> bool:
    return not {p.path for p in one.parts}.isdisjoint(p.path for p in two.parts)


class _Sizes:
    """How many weights are left of each kernel: the product of what its axes have."""

    def __init__(self, groups: Sequence[Group], sites: Mapping[str, Site]) -> None:
        self._shapes = {path: list(site.shape) for path, site in sites.items()}
        self._takes = [
            [
                (part.path, part.axis, part.index.shape[1])
                for part in group.parts
                if part.path in sites
            ]
            for group in groups
        ]

    def of(self, paths: Sequence[str]) -> int:
        """Weights left of some kernels."""
        return sum(math.prod(self._shapes[path]) for path in paths)

    def saving(self, number: int) -> int:
        """Weights that go with the next channel of a group."""
        paths = sorted({path for path, _, _ in self._takes[number]})
        before = self.of(paths)
        self.lose(number)
        after = self.of(paths)
        self.lose(number, -1)
        return before - after

    def lose(self, number: int, channels: int = 1) -> None:
        """A channel of a group goes."""
        for path, axis, entries in self._takes[number]:
            self._shapes[path][axis] -= entries * channels


class _Energies:
    """Harm by the energy of the weights that make a channel, without data."""

    def __init__(
        self, groups: Sequence[Group], weights: Weights, sites: Mapping[str, Site]
    ) -> None:
        del sites
        self._errors = [_energies(group, weights) for group in groups]

    def errors(self, number: int) -> Floats:
        """Harm of each channel of a group; infinite for those that are gone."""
        return self._errors[number]

    def lose(self, number: int, channels: NDArray[np.intp]) -> None:
        """Channels of a group go."""
        self._errors[number][channels] = np.inf


def _energies(group: Group, weights: Weights) -> Floats:
    """Each channel's part of the energy of the kernels that make it."""
    found = np.zeros(group.channels)
    for part in group.parts:
        if part.role == "makes" and part.path in weights:
            square = np.square(weights[part.path], dtype=np.float64)
            others = tuple(a for a in range(square.ndim) if a != part.axis)
            along = square.sum(axis=others)
            found += along[part.index].sum(axis=1) / max(along.sum(), _TINY)
    return found


class _Errors:
    """Harm by the error that is left in the kernels that take a channel."""

    def __init__(
        self, groups: Sequence[Group], weights: Weights, sites: Mapping[str, Site]
    ) -> None:
        takers = {p for group in groups for p in group.paths("takes") if p in weights}
        self._takers = {path: _Taker(weights[path], sites[path]) for path in takers}
        self._taken = [self._parts(group, "takes") for group in groups]
        self._made = [self._parts(group, "makes") for group in groups]
        self._gone = [np.zeros(group.channels, np.bool_) for group in groups]

    def errors(self, number: int) -> Floats:
        """Harm of each channel of a group; infinite for those that are gone."""
        is_left = ~self._gone[number]
        found = np.full(len(is_left), np.inf)
        found[is_left] = sum(
            (
                taker.errors(taker.rows(part)[is_left])
                for taker, part in self._taken[number]
            ),
            start=np.zeros(int(is_left.sum())),
        )
        return found

    def lose(self, number: int, channels: NDArray[np.intp]) -> None:
        """Channels of a group go; what takes them makes up for them."""
        self._gone[number][channels] = True
        for taker, part in self._taken[number]:
            taker.lose_inputs(taker.rows(part)[channels].ravel())
        for taker, part in self._made[number]:
            taker.lose_outputs(part.index[channels].ravel())

    def _parts(self, group: Group, role: str) -> list[tuple[_Taker, Part]]:
        return [
            (self._takers[part.path], part)
            for part in group.parts
            if part.role == role and part.path in self._takers
        ]


class _Taker:
    """A kernel that takes channels: its weights and what it sees, as both shrink."""

    def __init__(self, weights: NDArray[np.float32], site: Site) -> None:
        gram = site.gram
        self._layout = Layout.of(site)
        self._weights = self._layout.matrices(weights.astype(np.float64))[0].copy()
        self._inverse: Floats | None = None
        made = np.square(self._weights).sum()
        if gram is not None:
            hessian = gram.hessian()[0]
            made = np.sum((self._weights @ _variation(gram)) * self._weights)
            self._inverse = _linalg.inv(hessian)
        self._made = max(float(made), _TINY)

    def rows(self, part: Part) -> NDArray[np.intp]:
        """Inputs that are a part's channels, (channels, inputs)."""
        layout = self._layout
        lengths = [layout.shape[axis] for axis in layout.inputs]
        grid = np.arange(layout.inputs_count).reshape(lengths)
        along = np.moveaxis(grid, layout.inputs.index(part.axis), 0)
        return along[part.index].reshape(len(part.index), -1)

    def errors(self, rows: NDArray[np.intp]) -> Floats:
        """Of what the kernel makes, the fraction that is lost without some inputs.

        Args:
            rows: Inputs that go together, (channels, inputs).
        """
        if self._inverse is None:
            lost = np.square(self._weights).sum(axis=0)[rows].sum(axis=1)
        else:
            blocks = self._inverse[rows[:, :, None], rows[:, None, :]]
            parts = self._weights.T[rows]
            lost = np.sum(parts * _linalg.solve(blocks, parts), axis=(1, 2))
        return lost / self._made

    def lose_inputs(self, rows: NDArray[np.intp]) -> None:
        """Inputs go; the others are refitted."""
        weights, inverse = self._weights, self._inverse
        if inverse is not None:
            pulls: Floats = _linalg.solve(inverse[np.ix_(rows, rows)], inverse[rows])
            weights -= weights[:, rows] @ pulls
            inverse -= inverse[:, rows] @ pulls
            inverse[rows] = inverse[:, rows] = 0.0
        weights[:, rows] = 0.0

    def lose_outputs(self, outputs: NDArray[np.intp]) -> None:
        """Outputs go: no error of theirs counts."""
        self._weights[outputs] = 0.0


def _variation(gram: Gram) -> Floats:
    """How what a kernel sees varies: second moments with the mean taken out."""
    mean = gram.mean[0].astype(np.float64)
    return gram.moments[0].astype(np.float64) - np.outer(mean, mean)


_TINY = 1e-30
