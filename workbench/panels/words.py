"""Numbers as people read them, with unit and origin."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from workbench.text import say

if TYPE_CHECKING:
    from workbench.core.measurement import Difference, MetricInfo
    from workbench.core.quantity import Provenance

_KILO = 1000


def size(nbytes: float) -> str:
    """Bytes in the unit that fits: B, kB, MB or GB of 1000."""
    value = float(nbytes)
    for unit in ("B", "kB", "MB"):
        if abs(value) < _KILO:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
        value /= _KILO
    return f"{value:.3g} GB"


def score(value: float, metric: MetricInfo | None) -> str:
    """A score: a percentage where it is an accuracy."""
    if metric is None or metric.is_accuracy:
        return f"{value:.2%}"
    return f"{value:.4g}"


def points(gap: Difference, metric: MetricInfo | None, lang: str) -> str:
    """A difference with its interval: in points where the score is an accuracy."""
    is_fraction = metric is None or metric.is_accuracy
    factor, form = (100, "{:+.2f}") if is_fraction else (1, "{:+.4g}")
    value, low, high = (
        form.format(factor * number).replace("-", "\N{MINUS SIGN}")
        for number in (gap.value, gap.low, gap.high)
    )
    key = "screen.points" if is_fraction else "screen.difference"
    return say(key, lang, value=value, low=low, high=high)


def badge(provenance: Provenance, lang: str) -> str:
    """HTML of a small mark that says where a number comes from."""
    name = provenance.replace(" ", "-")
    words = escape(say(f"screen.provenance.{name}", lang))
    return f'<span class="wb-badge wb-{name}">{words}</span>'
