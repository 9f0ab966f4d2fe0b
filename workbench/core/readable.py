"""Numbers as people read them, with their unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.text import named, say

if TYPE_CHECKING:
    from workbench.core.measurement import Difference, MetricInfo

_KILO = 1000
# From here on three digits would be written as 1e+03.
_NEXT = 999.5


def size(nbytes: float) -> str:
    """Bytes in the unit that fits: B, kB, MB or GB of 1000."""
    if abs(nbytes) < _KILO:
        return f"{nbytes:.0f} B"
    value = nbytes / _KILO
    for unit in ("kB", "MB"):
        if abs(value) < _NEXT:
            return f"{value:.3g} {unit}"
        value /= _KILO
    return f"{value:.3g} GB"


def score(value: float, metric: MetricInfo | None) -> str:
    """A score: a percentage where it is an accuracy, as without a metric."""
    if metric is None or metric.is_accuracy:
        return f"{value:.2%}"
    return f"{value:.4g}"


def points(
    gap: Difference, metric: MetricInfo | None, lang: str, *, minus: str = "-"
) -> str:
    """A difference with its interval: in points, or with the name of the score.

    Args:
        gap: The difference.
        metric: What the score means; None is taken for an accuracy.
        lang: Language of the words.
        minus: The sign of what is negative; not every terminal has the long one.
    """
    is_fraction = metric is None or metric.is_accuracy
    factor, form = (100, "{:+.2f}") if is_fraction else (1, "{:+.4g}")
    value, low, high = (
        form.format(factor * number).replace("-", minus)
        for number in (gap.value, gap.low, gap.high)
    )
    key = "screen.points" if is_fraction else "screen.difference"
    name = "" if metric is None else named(f"metric.{metric.name}", lang)
    return say(key, lang, value=value, low=low, high=high, metric=name)
