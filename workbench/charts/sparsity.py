"""Sparsity of each tensor, and over all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.charts import charts
from workbench.charts.style import BEFORE, axis, figure, kernel_axis, soft
from workbench.core.codes import Gates
from workbench.core.gates import gates_of, tensor_of
from workbench.text import say

if TYPE_CHECKING:
    from workbench.charts import PlotlyJSON
    from workbench.core.snapshot import Snapshot
    from workbench.core.tensor import CompressedTensor, Site


def tensor_sparsity(snapshot: Snapshot) -> dict[str, float]:
    """Fraction of zeros of each kernel, 0 to 1, by path in model order.

    Where a kernel was treated gate by gate its gates come behind it.
    """
    if snapshot.before is None:
        return {}
    tensors = snapshot.before.network.tensors
    return {
        place.path: tensor_of(tensors, place).sparsity
        for site in snapshot.sites
        if site.path in tensors
        for place in (site, *_apart(site, tensors[site.path]))
    }


def _apart(site: Site, tensor: CompressedTensor) -> tuple[Site, ...]:
    return gates_of(site) if isinstance(tensor.code, Gates) else ()


@charts.add("sparsity")
def draw_sparsity(snapshot: Snapshot) -> PlotlyJSON:
    """A bar a tensor; the selected ones in full colour."""
    numbers = tensor_sparsity(snapshot)
    chosen = {site.path for site in snapshot.selected}
    colours = [BEFORE if path in chosen else soft(BEFORE) for path in numbers]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "x": list(numbers.values()),
            "y": list(numbers),
            "customdata": list(numbers),
            "marker": {"color": colours},
            "hovertemplate": "%{y}: %{x:.1%}<extra></extra>",
        }
    ]
    return figure(
        data,
        axis(say("chart.sparsity.x", snapshot.lang), range=[0, 1], tickformat=".0%"),
        kernel_axis(),
        showlegend=False,
        margin={"l": 56, "r": 28, "t": 12, "b": 48},
    )
