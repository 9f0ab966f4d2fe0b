"""What a channel is worth: the harm that its loss does, by three scores.

- ``norm``: the energy of the weights that make it, as a part of their kernel's.
- ``obs``: the error that its loss makes in the kernels that take it, as a fraction of
  what those make. With Gram matrices that is what no refit of the other inputs makes up
  for: for rows J of a kernel W, ``tr(W_J^T (H^-1_JJ)^-1 W_J)``; W and ``H^-1`` follow
  each loss. Without, it is the energy of the rows.
- ``taylor``: how much the loss changes to first order, squared: the mean over training
  samples of ``(sum of g w)^2`` over the weights w that take it, with their gradients g.
  For kernels that multiply it that is activation times gradient, and so behind a
  BatchNorm too, where the weights before it have no such sum.

Sources: Hassibi and Stork 1993; Frantar and Alistarh 2022, arXiv 2208.11580; Molchanov
et al. 2019, arXiv 1906.10771.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from workbench.core.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.groups import Group, Part
    from workbench.core.tensor import Site

    Floats = NDArray[np.float64]
    Weights = Mapping[str, NDArray[np.float32]]

# Its own types leave the result open.
_linalg = cast("Any", np.linalg)


class Harm(Protocol):
    """Says what the channels of some groups are worth, as they go."""

    def errors(self, number: int) -> Floats:
        """Harm of each channel of a group; infinite for those that are gone."""
        ...

    def lose(self, number: int, channels: NDArray[np.intp]) -> None:
        """Channels of a group go."""


class _Fixed:
    """Harm that does not follow what goes.

    Args:
        errors: Harm of each channel of each group.
    """

    def __init__(self, errors: list[Floats]) -> None:
        """Nothing is gone yet."""
        self._errors = errors

    def errors(self, number: int) -> Floats:
        """Harm of each channel of a group; infinite for those that are gone."""
        return self._errors[number]

    def lose(self, number: int, channels: NDArray[np.intp]) -> None:
        """Channels of a group go."""
        self._errors[number][channels] = np.inf


def _by_norm(
    groups: Sequence[Group], weights: Weights, sites: Mapping[str, Site]
) -> Harm:
    """Harm by the energy of the weights that make a channel, without data."""
    del sites
    return _Fixed([_energies(group, weights) for group in groups])


def _by_taylor(
    groups: Sequence[Group], weights: Weights, sites: Mapping[str, Site]
) -> Harm:
    """Harm by the loss to first order; by the norm where no gradients were seen."""
    takers = {path for group in groups for path in group.paths("takes")}
    if any(path in sites and sites[path].slopes is None for path in takers):
        return _by_norm(groups, weights, sites)
    return _Fixed([_first_order(group, sites) for group in groups])


def _first_order(group: Group, sites: Mapping[str, Site]) -> Floats:
    """The mean squared change of the loss with each channel of a group."""
    changes: list[Floats] = []
    for part in group.parts:
        slopes = sites[part.path].slopes if part.path in sites else None
        if part.role == "takes" and slopes is not None:
            along = slopes.along[part.axis]
            changes.append(along[:, part.index].sum(axis=2, dtype=np.float64))
    if not changes:
        return np.zeros(group.channels)
    return np.square(np.sum(changes, axis=0)).mean(axis=0)


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

SCORES: dict[str, Callable[..., Harm]] = {
    "obs": _Errors,
    "norm": _by_norm,
    "taylor": _by_taylor,
}
"""What makes a `Harm` of groups, weights and places, by score."""
