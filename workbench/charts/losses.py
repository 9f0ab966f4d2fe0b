"""Loss and score while retraining."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.charts import charts
from workbench.charts.style import AFTER, BEFORE, axis, empty, figure
from workbench.text import say

if TYPE_CHECKING:
    from workbench.charts import PlotlyJSON
    from workbench.core.snapshot import Snapshot


@charts.add("losses")
def draw_losses(snapshot: Snapshot) -> PlotlyJSON:
    """Training loss and score along the epochs; held-out score at each one's end."""
    lang = snapshot.lang
    reports = snapshot.progress
    if not reports:
        return empty("chart.empty.losses", lang)
    epochs = [p.epoch - 1 + p.step / max(p.steps, 1) for p in reports]
    ends = [(x, p.validation) for x, p in zip(epochs, reports, strict=True)]
    held_out = [(x, y) for x, y in ends if y is not None]
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": say("chart.losses.loss", lang),
            "x": epochs,
            "y": [p.loss for p in reports],
            "line": {"color": BEFORE},
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": say("chart.losses.score", lang),
            "x": epochs,
            "y": [p.score for p in reports],
            "yaxis": "y2",
            "line": {"color": AFTER},
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": say("chart.losses.validation", lang),
            "x": [x for x, _ in held_out],
            "y": [y for _, y in held_out],
            "yaxis": "y2",
            "marker": {"color": AFTER, "size": 9},
        },
    ]
    return figure(
        data,
        axis(say("chart.losses.x", lang), rangemode="tozero"),
        axis(say("chart.losses.loss", lang)),
        yaxis2=axis(
            say("chart.losses.score", lang),
            overlaying="y",
            side="right",
            showgrid=False,
            tickformat=".1%" if snapshot.is_fraction else ".4g",
        ),
        margin={"l": 56, "r": 56, "t": 36, "b": 48},
    )
