"""Score of the original, before and after retraining, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.charts import charts
from workbench.charts.style import AFTER, BEFORE, ORIGINAL, empty, figure, score_axis
from workbench.text import say

if TYPE_CHECKING:
    from workbench.charts import PlotlyJSON
    from workbench.core.measurement import Measurement
    from workbench.core.snapshot import Snapshot

STALE_OPACITY = 0.4


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
    if not bars:
        name = "accuracy" if snapshot.is_scored else "no_score"
        return empty(f"chart.empty.{name}", lang)
    form = ".2%" if snapshot.is_fraction else ".4g"
    colours = {"original": ORIGINAL, "before": BEFORE, "after": AFTER}
    names = {bar.kind: say(f"chart.accuracy.{bar.kind}", lang) for bar in bars}
    data = [
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": [names[bar.kind]],
            "y": [bar.score],
            "text": [format(bar.score, form)],
            "textposition": "middle right",
            "cliponaxis": False,
            "marker": {"size": 12, "color": colours[bar.kind]},
            "opacity": STALE_OPACITY if bar.is_stale else 1.0,
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": [bar.high - bar.score],
                "arrayminus": [bar.score - bar.low],
                "color": colours[bar.kind],
                "width": 8,
            },
            "hovertemplate": "%{x}: %{text}<extra></extra>",
        }
        for bar in bars
    ]
    return figure(
        data,
        {
            "type": "category",
            "automargin": True,
            "range": [-0.5, len(bars) - 0.2],
            "tickangle": 0,
            "tickvals": list(names.values()),
            # A word a line, or they run into each other on a phone.
            "ticktext": [name.replace(" ", "<br>") for name in names.values()],
        },
        score_axis(snapshot.metric, lang, _range(bars)),
        showlegend=False,
    )


def _range(bars: tuple[ScoreBar, ...]) -> list[float]:
    """From the lowest end of an interval to the highest, with air."""
    low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
    air = 0.1 * ((high - low) or abs(high) or 1.0)
    return [low - air, high + air]
