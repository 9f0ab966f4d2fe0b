"""What each kernel loses alone, at every level of a scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.charts import charts
from workbench.charts.style import (
    BEFORE,
    axis,
    empty,
    figure,
    kernel_axis,
    soft,
)
from workbench.text import say

if TYPE_CHECKING:
    from workbench.charts import PlotlyJSON
    from workbench.core.snapshot import Snapshot

# Points: to lose less is not painted as if it were much, and more is all the same.
_LEAST_RANGE, _FULL = 1.0, 10.0
_NO_TENTHS = 9.95


@charts.add("sensitivity")
def draw_sensitivity(snapshot: Snapshot) -> PlotlyJSON:
    """A row a kernel, a column a level; the more is lost, the fuller the colour."""
    scan, lang = snapshot.scan, snapshot.lang
    if scan is None or not scan.paths:
        return empty("chart.empty.sensitivity", lang)
    lost = scan.losses(snapshot.metric)
    most = float(np.nanmax(lost, initial=0))
    unit, exact, full = "score_lost", ".3g", most or 1.0
    if snapshot.is_fraction:
        unit, exact, full = "points", ".2f", min(max(most, _LEAST_RANGE), _FULL)
    title = {"text": say(f"scan.{unit}", lang), "side": "top"}
    data = [
        {
            "type": "heatmap",
            "x": scan.level_names,
            "y": list(scan.paths),
            "z": lost,
            "text": [
                [_number(value, is_points=snapshot.is_fraction) for value in row]
                for row in lost
            ],
            "texttemplate": "%{text}",
            "textfont": {"color": "var(--wb-text)"},
            "customdata": [[path] * len(scan.levels) for path in scan.paths],
            "colorscale": [[0, "var(--wb-surface)"], [1, soft(BEFORE)]],
            "zmin": 0,
            "zmax": full,
            "xgap": 1,
            "ygap": 1,
            "hovertemplate": f"%{{y}}, %{{x}}: %{{z:{exact}}}<extra></extra>",
            # Above the map: beside it, it would take a third of a phone's width.
            "colorbar": {
                "orientation": "h",
                "thickness": 8,
                "y": 1,
                "yanchor": "bottom",
                "title": title,
            },
        }
    ]
    x = axis(say(f"scan.x.{scan.knob}", lang), type="category", fixedrange=True)
    return figure(data, x, kernel_axis(), margin={"l": 56, "r": 12, "t": 12, "b": 48})


def _number(value: float, *, is_points: bool) -> str:
    """Two digits: a cell on a phone has no room for more. Nothing for NaN."""
    if np.isnan(value):
        return ""
    points = "z.1f" if abs(value) < _NO_TENTHS else "z.0f"
    return format(value, points if is_points else "z.2g").replace("-", "−")
