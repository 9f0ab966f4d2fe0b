"""Change of each class's accuracy, before and after retraining."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.charts import charts
from workbench.charts.style import AFTER, BEFORE, axis, empty, figure
from workbench.demo import in_language
from workbench.text import say

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.charts import PlotlyJSON
    from workbench.core.measurement import Measurement
    from workbench.core.snapshot import Snapshot


def class_changes(
    snapshot: Snapshot, measurement: Measurement | None
) -> NDArray[np.float64] | None:
    """Accuracy of each class minus the original's on the same samples.

    Returns:
        Float64 (classes,), NaN for a class without samples seen; None where there
        are no classes or nothing was measured.
    """
    original, labels = snapshot.original, snapshot.labels
    if measurement is None or original is None or labels is None:
        return None
    seen = ~np.isnan(measurement.results)
    gap = (measurement.results - original.results)[seen].astype(np.float64)
    classes = max(int(labels.max(initial=0)) + 1, len(snapshot.classes))
    count = np.bincount(labels[seen], minlength=classes)
    total = np.bincount(labels[seen], weights=gap, minlength=classes)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@charts.add("classes")
def draw_classes(snapshot: Snapshot) -> PlotlyJSON:
    """Two bars a class, in points."""
    lang = snapshot.lang
    classes = in_language(snapshot.classes, lang)
    data: list[PlotlyJSON] = []
    for kind, outcome, colour in (
        ("before", snapshot.before, BEFORE),
        ("after", snapshot.after, AFTER),
    ):
        changes = class_changes(snapshot, outcome.measurement if outcome else None)
        if changes is None:
            continue
        names = [
            classes[i] if i < len(classes) else str(i) for i in range(len(changes))
        ]
        data.append(
            {
                "type": "bar",
                "name": say(f"chart.accuracy.{kind}", lang),
                "x": names,
                "y": 100 * changes,
                "marker": {"color": colour},
                "hovertemplate": "%{x}: %{y:+.2f}<extra>%{fullData.name}</extra>",
            }
        )
    if not data:
        is_possible = snapshot.original is None or snapshot.labels is not None
        name = "classes" if is_possible and snapshot.is_scored else "no_classes"
        return empty(f"chart.empty.{name}", lang)
    return figure(
        data,
        {"type": "category", "automargin": True},
        axis(say("chart.classes.y", lang), zeroline=True),
    )
