"""What moves together: the channels that one cut takes out of several variables.

An output channel of a kernel lives on in biases, statistics and other kernels: in a sum
it is tied to another kernel's channel, behind a flattening it is as many rows as there
were places. A group lists, for channels that are alike, all these entries; without
them, the model computes the same as with every weight of them at zero.

Source of the idea: Fang et al. 2023, arXiv 2301.12900.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from workbench.core.network import Network
    from workbench.core.tensor import Site

Role = Literal["makes", "takes", "follows"]
Cuts = Mapping[tuple[str, int], "NDArray[np.intp]"]
"""By address and axis the entries that are taken out."""


@dataclass(frozen=True, eq=False)
class Part:
    """Where the channels of a group lie in one variable.

    Attributes:
        path: Address of the variable.
        axis: The axis along which they lie.
        role: ``makes`` the channel, ``takes`` it as an input, or ``follows`` it, as a
            bias, a statistic and a depthwise kernel do.
        index: Entries of each channel along the axis, (channels, entries).
    """

    path: str
    axis: int
    role: Role
    index: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Group:
    """Channels with the same parts, each of which can go without the others.

    Attributes:
        parts: Where they lie.
    """

    parts: tuple[Part, ...]

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.parts[0].index)

    def paths(self, *roles: Role) -> tuple[str, ...]:
        """Addresses of the variables that have one of these roles, each once."""
        found = (part.path for part in self.parts if part.role in roles)
        return tuple(dict.fromkeys(found))


def groups_of(sites: Iterable[Site]) -> tuple[Group, ...]:
    """All groups that the sites are part of, each once."""
    return tuple(dict.fromkeys(group for site in sites for group in site.groups))


def is_taking(site: Site) -> bool:
    """Whether channels that may go enter a kernel."""
    return any(site.path in group.paths("takes") for group in site.groups)


def gone(
    group: Group, masks: Mapping[str, NDArray[np.bool_] | None]
) -> NDArray[np.bool_]:
    """Which channels have no weight left in any kernel.

    Args:
        group: The group.
        masks: For each kernel what is kept of it, None for everything.

    Returns:
        True where a channel is gone, (channels,); never all of them.
    """
    is_gone = np.ones(group.channels, np.bool_)
    for part in group.parts:
        if part.path in masks:
            mask = masks[part.path]
            if mask is None:
                return np.zeros(group.channels, np.bool_)
            others = tuple(axis for axis in range(mask.ndim) if axis != part.axis)
            is_kept: NDArray[np.bool_] = np.logical_or.reduce(mask, axis=others)
            is_gone &= ~np.logical_or.reduce(is_kept[part.index], axis=1)
            if not is_gone.any():
                break
    if is_gone.all():
        is_gone[0] = False
    return is_gone


def cuts_of(groups: Iterable[Group], network: Network) -> Cuts:
    """What can be cut out of which axis without changing what the model computes.

    Args:
        groups: The model's groups.
        network: Its kernels, some of whose channels may be gone.
    """
    masks = {path: tensor.mask for path, tensor in network.tensors.items()}
    lost: dict[tuple[str, int], list[NDArray[np.intp]]] = {}
    for group in groups:
        is_gone = gone(group, masks)
        for part in group.parts:
            places = part.index[is_gone].ravel()
            if places.size:
                lost.setdefault((part.path, part.axis), []).append(places)
    return {key: np.sort(np.concatenate(places)) for key, places in lost.items()}


def cut(values: NDArray[Any], path: str, cuts: Cuts) -> NDArray[Any]:
    """A variable's values without what is cut out of it.

    Args:
        values: Shape of the variable, or with axes of length 1, which stay.
        path: Its address.
        cuts: From `cuts_of`.
    """
    for axis in range(values.ndim):
        places = cuts.get((path, axis))
        if places is not None and values.shape[axis] > 1:
            values = np.delete(values, places, axis)
    return values
