"""What all charts look like: colours by meaning, axes, words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.core.edit import EVERYTHING, wide_knobs
from workbench.core.step import steps
from workbench.text import named, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.charts import PlotlyJSON
    from workbench.core.measurement import MetricInfo
    from workbench.core.recipe import Recipe

ORIGINAL = "var(--wb-original)"
BEFORE = "var(--wb-before)"
AFTER = "var(--wb-after)"
THRESHOLD = "var(--wb-threshold)"
BUDGET = "var(--wb-budget)"
MUTED = "var(--wb-muted)"


def summary(recipe: Recipe, lang: str) -> str:
    """A recipe in a few words: what it asks of everything, and how often of less."""
    words: list[str] = []
    for step, knob, form in _SHOWN:
        values = wide_knobs(recipe, step) or {}
        is_other_face = knob == "sparsity" and values.get("threshold") is not None
        if values.get(knob) is not None and not is_other_face:
            label = say(f"knob.{step}.{knob}", lang)
            words.append(f"{label} {format(values[knob], form)}")
    words += _others(recipe, lang)
    own = [plan for plan in recipe.plans if not plan.is_decided]
    narrower = sum(plan.target != EVERYTHING for plan in own)
    if narrower:
        words.append(say("chart.overrides", lang, count=narrower))
    training = recipe.retraining
    if training is not None:
        start = say(f"knob.retraining.start.{training.start}", lang)
        epochs = training.epochs
        words.append(say("chart.retrained", lang, epochs=epochs, start=start))
    return ", ".join(words) or say("chart.untouched", lang)


def _others(recipe: Recipe, lang: str) -> list[str]:
    """The other methods that everything is asked for, each with its first knob."""
    common = {step for step, _, _ in _SHOWN} | {"reconstruct"}
    words: list[str] = []
    for step in steps:
        values = None if step in common else wide_knobs(recipe, step)
        if values is not None:
            level = next(iter(values.values()), "")
            said = f"{level:.1%}" if isinstance(level, float) else str(level)
            words.append(f"{named(f'knob.{step}', lang)} {said}".rstrip())
    return words


_SHOWN = (
    ("magnitude", "sparsity", ".1%"),
    ("magnitude", "threshold", ".3g"),
    ("uniform", "bits", "d"),
    ("activations", "bits", "d"),
)


def soft(colour: str) -> str:
    """The paler shade of a colour, for fills."""
    return colour.replace(")", "-soft)")


def axis(title: str, **more: Any) -> PlotlyJSON:
    """An axis with its title, which carries the unit."""
    return {"title": {"text": title, "standoff": 8}, "automargin": True} | more


def kernel_axis(**more: Any) -> PlotlyJSON:
    """An upright axis with a row a kernel, the first at the top."""
    look = {"automargin": True, "autorange": "reversed", "ticksuffix": " "}
    return look | {"type": "category"} | more


def score_axis(
    metric: MetricInfo | None, lang: str, ends: Sequence[float]
) -> PlotlyJSON:
    """The axis of the score, which says where less is better."""
    title = named(f"metric.{metric.name if metric else 'accuracy'}", lang)
    if metric is not None and not metric.higher_is_better:
        title = say("chart.less_is_better", lang, name=title)
    form = ".1%" if metric is None or metric.is_accuracy else ".4g"
    return axis(title, tickformat=form, range=list(ends))


def figure(
    data: Sequence[PlotlyJSON], x: PlotlyJSON, y: PlotlyJSON, **layout: Any
) -> PlotlyJSON:
    """A figure with the house's margins and a legend above the plot."""
    base = {
        "xaxis": x,
        "yaxis": y,
        "margin": {"l": 56, "r": 16, "t": 36, "b": 48},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "hovermode": "closest",
    }
    return {"data": list(data), "layout": base | layout}


def empty(key: str, lang: str) -> PlotlyJSON:
    """No chart yet: one sentence that says what will be there.

    Args:
        key: Its text, with a new line where a narrow page may break it.
        lang: Language of the text.
    """
    words = {
        "text": say(key, lang).replace("\n", "<br>"),
        "x": 0.5,
        "y": 0.5,
        "xref": "paper",
        "yref": "paper",
        "showarrow": False,
        "font": {"color": MUTED, "size": 14},
    }
    hidden = {"visible": False}
    margin = dict.fromkeys("lrtb", 16)
    return figure([], hidden, hidden, annotations=[words], margin=margin)


def line_at(x: float, colour: str, label: str) -> tuple[PlotlyJSON, PlotlyJSON]:
    """A dashed vertical line through the plot, and its label at the top."""
    line = {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": colour, "width": 2, "dash": "dash"},
    }
    words = {
        "x": x,
        "y": 1,
        "yref": "paper",
        "yanchor": "top",
        "xanchor": "left",
        "xshift": 4,
        "text": label,
        "showarrow": False,
        "font": {"color": colour},
    }
    return line, words
