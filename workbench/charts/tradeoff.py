"""Size against score: every setting visited, the original, the budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.charts import charts
from workbench.charts.style import (
    AFTER,
    BEFORE,
    BUDGET,
    ORIGINAL,
    axis,
    empty,
    figure,
    line_at,
    score_axis,
    soft,
    summary,
)
from workbench.text import say

if TYPE_CHECKING:
    from workbench.charts import PlotlyJSON
    from workbench.core.snapshot import Snapshot

KILOBYTE = 1000


@dataclass(frozen=True)
class Point:
    """A setting in the plane.

    Attributes:
        nbytes: Packed size.
        score: Its score.
        kind: ``original``, ``before``, ``after`` or ``now``.
        key: Index in the history; None where a click restores nothing.
        is_stale: Whether the score belongs to an earlier setting.
        words: The setting in a few words.
    """

    nbytes: float
    score: float
    kind: str
    key: int | None = None
    is_stale: bool = False
    words: str = ""


def tradeoff_points(snapshot: Snapshot) -> tuple[Point, ...]:
    """The original, every visit and the present setting."""
    points: list[Point] = []
    if snapshot.original is not None and snapshot.original_sizes is not None:
        nbytes = snapshot.original_sizes.float32.value
        points.append(Point(nbytes, snapshot.original.score, "original"))
    for key, visit in enumerate(snapshot.history):
        recipe = visit.recipe
        if visit.kind == "before":
            recipe = replace(recipe, retraining=None)
        words = summary(recipe, snapshot.lang)
        points.append(Point(visit.nbytes, visit.score, visit.kind, key, words=words))
    now = snapshot.before
    if now is not None and now.measurement is not None:
        score = now.measurement.score
        nbytes = now.sizes.packed.value
        points.append(Point(nbytes, score, "now", is_stale=snapshot.is_stale))
    return tuple(points)


@charts.add("tradeoff")
def draw_tradeoff(snapshot: Snapshot) -> PlotlyJSON:
    """Dots that restore their setting; the present one is ringed."""
    lang = snapshot.lang
    points = tradeoff_points(snapshot)
    if not points:
        name = "tradeoff" if snapshot.is_scored else "no_score"
        return empty(f"chart.empty.{name}", lang)
    looks = {
        "original": ("diamond", ORIGINAL, 13),
        "before": ("circle", BEFORE, 9),
        "after": ("square", AFTER, 10),
        "now": ("circle-open", BEFORE, 20),
    }
    form = ".2%" if snapshot.is_fraction else ".4g"
    data: list[dict[str, Any]] = []
    for kind, (symbol, colour, size) in looks.items():
        chosen = [point for point in points if point.kind == kind]
        if not chosen:
            continue
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": say(f"chart.tradeoff.{kind}", lang),
                "x": [point.nbytes / KILOBYTE for point in chosen],
                "y": [point.score for point in chosen],
                "customdata": [point.key for point in chosen],
                "marker": {
                    "symbol": symbol,
                    "color": soft(colour) if chosen[0].is_stale else colour,
                    "size": size,
                    "line": {"width": 2, "color": colour},
                },
                "text": [point.words for point in chosen],
                "hovertemplate": f"%{{text}}<br>%{{x:,.1f}} kB<br>%{{y:{form}}}"
                "<extra>%{fullData.name}</extra>",
            }
        )
    layout: dict[str, Any] = {}
    if snapshot.budget:
        label = say("chart.tradeoff.budget", lang)
        line, words = line_at(snapshot.budget / KILOBYTE, BUDGET, label)
        layout = {"shapes": [line], "annotations": [words]}
    return figure(
        data,
        axis(say("chart.tradeoff.x", lang), rangemode="tozero"),
        score_axis(snapshot.metric, lang, _range(points)),
        **layout,
    )


def _range(points: tuple[Point, ...]) -> list[float]:
    """From the lowest score to the highest, with air around them."""
    low, high = (f(point.score for point in points) for f in (min, max))
    air = 0.1 * max(high - low, 0.1 * abs(high), 1e-9)
    return [low - air, high + air]
