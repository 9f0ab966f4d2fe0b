"""Cross-layer equalization: channels get scales that bring weights to one range.

What makes a channel is multiplied with its scale s, what takes it divided by it, so
that the model computes the same. With r and r' the largest weights of a channel in the
kernels that make and that take it, ``s = sqrt(r' / r)`` makes both ``sqrt(r r')``.
Where only one side has weights, as at a BatchNorm, that side's channels all get its
range. Layer after layer, until nothing moves.

Source: Nagel et al. 2019, arXiv 1906.04721.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_ROUNDS = 60
_SETTLED = 1e-3
# Further apart than a float's precision no channel means anything beside the largest.
_LARGEST = 2.0**24


@dataclass(frozen=True, eq=False)
class Mark:
    """Where channels lie in a variable.

    Attributes:
        path: Address of the variable.
        axis: The axis along which they lie.
        role: Whether it is multiplied with their scale (``makes``), divided by it
            (``takes``), or a variance that follows it (``spreads``).
        channels: Number of the channel of each entry; negative where its scale is one.
    """

    path: str
    axis: int
    role: Literal["makes", "takes", "spreads"]
    channels: NDArray[np.intp]


def scales_of(
    weights: Mapping[str, NDArray[np.float32]], marks: Sequence[Mark]
) -> NDArray[np.float64]:
    """The scale of each channel.

    Args:
        weights: The kernels that are to have one range, by path.
        marks: Where channels lie.

    Returns:
        Positive, (channels,).
    """
    sizes = {
        path: np.abs(values.astype(np.float64)) for path, values in weights.items()
    }
    count = 1 + max((int(mark.channels.max(initial=-1)) for mark in marks), default=-1)
    scales = np.ones(count)
    clusters = _clusters([m for m in marks if m.path in sizes], count)
    for _ in range(_ROUNDS):
        largest = 0.0
        for cluster in clusters:
            change = _change(cluster, sizes, count)
            change = np.clip(scales * change, 1 / _LARGEST, _LARGEST) / scales
            scales *= change
            for mark in cluster:
                sizes[mark.path] *= _along(mark, change, sizes[mark.path].ndim)
            largest = max(largest, float(np.abs(np.log(change)).max(initial=0)))
        if largest < _SETTLED:
            break
    return scales


def scaled(
    values: NDArray[np.float32],
    marks: Sequence[Mark],
    scales: NDArray[np.float64],
    epsilon: float = 0.0,
) -> NDArray[np.float32]:
    """A variable with its channels scaled.

    Args:
        values: The variable.
        marks: Its own.
        scales: From `scales_of`.
        epsilon: What is added to it where it is a variance.
    """
    made = values.astype(np.float64) + epsilon
    for mark in marks:
        factor = _along(mark, scales, values.ndim)
        made *= factor**2 if mark.role == "spreads" else factor
    return (made - epsilon).astype(values.dtype)


def _change(
    cluster: Sequence[Mark], sizes: Mapping[str, NDArray[np.float64]], count: int
) -> NDArray[np.float64]:
    """What the scales of a cluster's channels are to be multiplied with."""
    ranges = {"makes": np.zeros(count), "takes": np.zeros(count)}
    for mark in cluster:
        size = sizes[mark.path]
        others = tuple(axis for axis in range(size.ndim) if axis != mark.axis)
        own = size.max(axis=others, initial=0)
        is_free = mark.channels >= 0
        np.maximum.at(ranges[mark.role], mark.channels[is_free], own[is_free])
    makes, takes = ranges["makes"], ranges["takes"]
    if not makes.any():
        makes = np.where(takes > 0, takes.max(initial=0), 0)
        return np.divide(takes, makes, out=np.ones(count), where=makes > 0)
    if not takes.any():
        return np.divide(makes.max(), makes, out=np.ones(count), where=makes > 0)
    is_alive = (makes > 0) & (takes > 0)
    return np.sqrt(np.divide(takes, makes, out=np.ones(count), where=is_alive))


def _along(mark: Mark, scales: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    """The factor of each entry of a variable."""
    factor = np.where(mark.channels >= 0, scales[np.maximum(mark.channels, 0)], 1.0)
    factor = 1 / factor if mark.role == "takes" else factor
    shape = [1] * rank
    shape[mark.axis] = factor.size
    return factor.reshape(shape)


def _clusters(marks: Sequence[Mark], count: int) -> list[list[Mark]]:
    """Marks that share channels, directly or over others."""
    home = np.arange(count)
    for mark in marks:
        own = mark.channels[mark.channels >= 0]
        if own.size:
            homes = np.unique(home[own])
            home[np.isin(home, homes)] = homes[0]
    found: dict[int, list[Mark]] = {}
    for mark in marks:
        own = mark.channels[mark.channels >= 0]
        if own.size:
            found.setdefault(int(home[own[0]]), []).append(mark)
    return list(found.values())
