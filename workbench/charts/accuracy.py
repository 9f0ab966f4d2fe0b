"""Score of the original, before and after retraining, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.charts import charts
from workbench.charts.style import AFTER, BEFORE, ORIGINAL, axis, figure, soft
from workbench.text import say

if TYPE_CHECKING:
    from workbench.charts import PlotlyJSON
    from workbench.core.measurement import Measurement
    from workbench.core.snapshot import Snapshot


@dataclass(frozen=True)
class ScoreBar:
    """One bar.

    Attributes:
        kind: ``original``, ``before`` or ``after``.
        score: The score.
        low: Lower end of its 95 % sampling interval.
        high: Upper end.
        is_stale: Whether it belongs to an earlier setting.
    """

    kind: str
    score: float
    low: float
    high: float
    is_stale: bool


def score_bars(snapshot: Snapshot) -> tuple[ScoreBar, ...]:
    """A bar for each score that is known."""
    before, after = snapshot.before, snapshot.after
    known: list[tuple[str, Measurement | None, bool]] = [
        ("original", snapshot.original, False),
        ("before", before.measurement if before else None, snapshot.is_stale),
        ("after", after.measurement if after else None, snapshot.is_after_stale),
    ]
    return tuple(
        ScoreBar(kind, m.score, m.low, m.high, stale)
        for kind, m, stale in known
        if m is not None
    )


@charts.add("accuracy")
def draw_accuracy(snapshot: Snapshot) -> PlotlyJSON:
    """Points with intervals, the axis zoomed in on them."""
    lang = snapshot.lang
    bars = score_bars(snapshot)
    is_fraction = snapshot.metric is None or snapshot.metric.is_accuracy
    colours = {"original": ORIGINAL, "before": BEFORE, "after": AFTER}
    words = [f"{b.score:.2%}" if is_fraction else f"{b.score:.4g}" for b in bars]
    data = [
        {
            "type": "bar",
            "x": [say(f"chart.accuracy.{bar.kind}", lang) for bar in bars],
            "y": [bar.score for bar in bars],
            "text": words,
            "textposition": "inside",
            "insidetextanchor": "start",
            "marker": {
                "color": [
                    soft(colours[b.kind]) if b.is_stale else colours[b.kind]
                    for b in bars
                ]
            },
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": [bar.high - bar.score for bar in bars],
                "arrayminus": [bar.score - bar.low for bar in bars],
            },
            "hovertemplate": "%{x}: %{text}<extra></extra>",
        }
    ]
    name = snapshot.metric.name if snapshot.metric else "accuracy"
    title = say("chart.accuracy.title", lang) if name == "accuracy" else name
    return figure(
        data,
        {"type": "category", "automargin": True},
        axis(title, tickformat=".0%" if is_fraction else ".4g", rangemode="tozero"),
        showlegend=False,
        bargap=0.4,
    )
