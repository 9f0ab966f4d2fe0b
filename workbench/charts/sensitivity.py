"""What each kernel loses alone, at every level of a scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.charts import charts
from workbench.charts.style import BEFORE, axis, empty, figure
from workbench.text import say

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.charts import PlotlyJSON
    from workbench.core.sensitivity import Scan
    from workbench.core.snapshot import Snapshot

# Points: to lose less is not painted as if it were much, and more is all the same.
_LEAST_RANGE, _FULL = 1.0, 10.0
_POINTS = 100


def losses(snapshot: Snapshot) -> NDArray[np.float64]:
    """What is lost, (kernels, levels): points of accuracy, else units of the score.

    It is negative where a kernel gains, and NaN where nothing is known yet.
    """
    assert snapshot.scan is not None, "There is a scan to show."
    metric = snapshot.metric
    is_more_better = metric is None or metric.higher_is_better
    unit = _POINTS if metric is None or metric.is_accuracy else 1
    return (-unit if is_more_better else unit) * snapshot.scan.changes_by_kernel


@charts.add("sensitivity")
def draw_sensitivity(snapshot: Snapshot) -> PlotlyJSON:
    """A row a kernel, a column a level; the more is lost, the fuller the colour."""
    scan, lang = snapshot.scan, snapshot.lang
    if scan is None or not scan.paths:
        return empty("chart.empty.sensitivity", lang)
    lost = losses(snapshot)
    known = np.isfinite(lost)
    metric = snapshot.metric
    is_accuracy = metric is None or metric.is_accuracy
    form = "{:.2f}" if is_accuracy else "{:.3g}"
    words = [
        [form.format(value) if np.isfinite(value) else "" for value in row]
        for row in lost
    ]
    most = float(lost[known].max(initial=0))
    data = [
        {
            "type": "heatmap",
            "x": _levels(scan),
            "y": list(scan.paths),
            "z": [[_or_none(value) for value in row] for row in lost],
            "text": words,
            "texttemplate": "%{text}",
            "customdata": [[path] * len(scan.levels) for path in scan.paths],
            "colorscale": [[0, "var(--wb-surface)"], [1, BEFORE]],
            "zmin": 0,
            "zmax": min(max(most, _LEAST_RANGE), _FULL) if is_accuracy else most or 1.0,
            "xgap": 1,
            "ygap": 1,
            "hovertemplate": "%{y}, %{x}: %{z:.3~g}<extra></extra>",
            "colorbar": {
                "thickness": 10,
                "title": {
                    "text": say(
                        "scan.points" if is_accuracy else "scan.score_lost", lang
                    ),
                    "side": "right",
                },
            },
        }
    ]
    x = axis(say(f"scan.x.{scan.knob}", lang), type="category", fixedrange=True)
    y = {
        "automargin": True,
        "autorange": "reversed",
        "type": "category",
        "ticksuffix": " ",
    }
    return figure(data, x, y, margin={"l": 56, "r": 28, "t": 12, "b": 48})


def _levels(scan: Scan) -> list[str]:
    form = "{:.0%}" if scan.knob == "sparsity" else "{:.0f}"
    return [form.format(level) for level in scan.levels]


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
