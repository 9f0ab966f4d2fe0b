"""What moves together, and how many channels of it are left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.charts import charts
from workbench.charts.style import axis, empty, figure, kernel_axis, soft
from workbench.core.groups import gone, groups_of
from workbench.text import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from workbench.charts import PlotlyJSON
    from workbench.core.groups import Group
    from workbench.core.snapshot import Snapshot

_COLOURS = 6
_MOST_NAMED = 4
_MOST_TICKS = 4


@dataclass(frozen=True)
class Bound:
    """The channels of one group as one kernel has them.

    Attributes:
        path: Address of the kernel.
        group: Number of the group, from 0.
        is_input: Whether the kernel takes these channels; else it makes them, or keeps
            them apart.
        left: Channels that are left.
        channels: Channels that there were.
    """

    path: str
    group: int
    is_input: bool
    left: int
    channels: int


def bound_channels(snapshot: Snapshot) -> list[Bound]:
    """What each kernel has of each group, in the order of the groups."""
    masks: dict[str, NDArray[np.bool_] | None] = {}
    if snapshot.before is not None:
        tensors = snapshot.before.network.tensors
        masks = {path: tensor.mask for path, tensor in tensors.items()}
    kernels = {site.path for site in snapshot.sites}
    found: list[Bound] = []
    for number, group in enumerate(groups_of(snapshot.sites)):
        lost = int(gone(group, masks).sum()) if masks else 0
        left, channels = group.channels - lost, group.channels
        for part in group.parts:
            if part.path in kernels:
                is_input = part.role == "takes"
                found.append(Bound(part.path, number, is_input, left, channels))
    return found


@charts.add("structure")
def draw_structure(snapshot: Snapshot) -> PlotlyJSON:
    """A row a kernel: inputs to the left, outputs to the right, a colour a group."""
    lang = snapshot.lang
    bounds = bound_channels(snapshot)
    if not bounds:
        return empty("chart.empty.structure", lang)
    groups = groups_of(snapshot.sites)
    data: list[PlotlyJSON] = []
    for number, group in enumerate(groups):
        own = [bound for bound in bounds if bound.group == number]
        colour = f"var(--wb-group-{number % _COLOURS + 1})"
        for is_left in (True, False):
            lengths = [b.left if is_left else b.channels - b.left for b in own]
            data.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "x": [
                        -length if bound.is_input else length
                        for length, bound in zip(lengths, own, strict=True)
                    ],
                    "y": [bound.path for bound in own],
                    "customdata": [bound.path for bound in own],
                    "marker": {"color": colour if is_left else soft(colour)},
                    "hovertext": _words(group, own, lang),
                    "hoverinfo": "text",
                }
            )
    paths = [site.path for site in snapshot.sites if site.groups]
    title = say("structure.x", lang).replace("\n", "<br>")
    return figure(
        data,
        axis(title, **_ticks(max(bound.channels for bound in bounds))),
        kernel_axis(categoryorder="array", categoryarray=paths),
        barmode="relative",
        showlegend=False,
    )


def _ticks(most: int) -> PlotlyJSON:
    """Places on both sides of zero, with the same count: no channel is negative."""
    steps = (part * 10**power for power in range(len(str(most))) for part in (1, 2, 5))
    step = next(step for step in steps if most <= _MOST_TICKS * step)
    places = range(-most // step * step, most + 1, step)
    return {"tickvals": list(places), "ticktext": [str(abs(at)) for at in places]}


def _words(group: Group, own: list[Bound], lang: str) -> list[str]:
    """For each kernel how much is left of it, and what it moves together with."""
    paths = list(dict.fromkeys(bound.path for bound in own))
    named = ", ".join(paths[:_MOST_NAMED])
    names = named if len(paths) <= _MOST_NAMED else f"{named}, ..."
    return [
        say(
            f"structure.{'inputs' if bound.is_input else 'outputs'}",
            lang,
            path=bound.path,
            left=bound.left,
            channels=group.channels,
            together=names,
        )
        for bound in own
    ]
