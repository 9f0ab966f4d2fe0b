"""What a model step may ask of the model: a protocol that the engine implements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from workbench.core.network import Network
    from workbench.core.tensor import Site


@dataclass(frozen=True)
class Member:
    """A kernel's part in a group of channels that go together.

    Attributes:
        path: Address of the kernel, or of another variable of the layer.
        axis: The axis along which the channels lie.
        places: For each channel of the group the entries of the axis that go with it.
        is_consumer: Whether the kernel reads the channels; else it makes them.
    """

    path: str
    axis: int
    places: tuple[tuple[int, ...], ...]
    is_consumer: bool


@dataclass(frozen=True)
class Group:
    """Channels that can only be removed together, wherever they pass.

    Attributes:
        name: Address of the first layer that makes them.
        size: Number of channels.
        members: Every variable with entries for them.
    """

    name: str
    size: int
    members: tuple[Member, ...]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a kernel sees in a compressed model, against the original.

    Attributes:
        moments: ``E[x' x'^T]`` of its compressed inputs, float64, (groups, n, n).
        cross: ``E[z x'^T]`` with z what the original makes there, bias included,
            float64, (groups, outputs, n).
        mean: ``E[x']``, float64, (groups, n).
        aim: ``E[z]``, float64, (groups, outputs).
    """

    moments: NDArray[np.float64]
    cross: NDArray[np.float64]
    mean: NDArray[np.float64]
    aim: NDArray[np.float64]


class Context(Protocol):
    """The model behind a network, without its framework.

    Attributes:
        sites: The kernels, each with its Gram matrix where that is known; in the order
            in which data passes them where the model is a graph.
        others: Values of all variables that are no kernels, by path.
        groups: Channels that go together.
        digest: Hash of the model and the training data behind it.
    """

    sites: tuple[Site, ...]
    others: Mapping[str, NDArray[Any]]
    groups: tuple[Group, ...]
    digest: str

    def seen(self, network: Network, path: str) -> Seen | None:
        """What a kernel sees in a network; None where it cannot be told."""
        ...

    def batch_statistics(self, network: Network) -> Mapping[str, NDArray[Any]]:
        """Moving means and variances of every BatchNorm, of the network's own."""
        ...

    def outputs(self, network: Network) -> NDArray[np.float32]:
        """The model's outputs for a few thousand training samples."""
        ...
