"""The words and numbers of a report in one language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.text import named, say

if TYPE_CHECKING:
    from workbench.core.measurement import Measurement, MetricInfo
    from workbench.core.quantity import Quantity

_POINTS = 100.0
# From here on no fraction is shown.
_WHOLE = 100


class ReportWords:
    """How a report says its numbers.

    Args:
        metric: What a score means; None without data.
        lang: ``en`` or ``zh``.
    """

    def __init__(self, metric: MetricInfo | None, lang: str) -> None:
        """Keep the language and what a score means."""
        self.lang = lang
        self._metric = metric

    def say(self, name: str, **values: object) -> str:
        """A sentence of the report."""
        return say(f"report.{name}", self.lang, **values)

    def score(self, score: float) -> str:
        """A score: a percentage where it is an accuracy."""
        return f"{self.shown(score):.2f} %" if self._is_share() else f"{score:.5g}"

    def shown(self, score: float) -> float:
        """A score as an axis has it: in percent where it is an accuracy."""
        return _POINTS * score if self._is_share() else score

    def change(self, measured: Measurement) -> str:
        """A score's difference from the original, with its interval and origin."""
        change = measured.difference
        if change is None:
            return ""
        return self.say(
            "change",
            change=self._points(change.value),
            low=self._points(change.low),
            high=self._points(change.high),
            unit=self.say("points") if self._is_share() else self.metric_name(),
            origin=self.origin(measured.provenance),
        )

    def metric_name(self) -> str:
        """What the score is called; empty without data."""
        if self._metric is None:
            return ""
        return named(f"metric.{self._metric.name}", self.lang)

    def score_axis(self) -> str:
        """Title of an axis of scores."""
        percent = "(%)" if self._is_share() else ""
        return f"{self.metric_name()} {percent}".strip()

    def quantity(self, quantity: Quantity) -> str:
        """A number with its unit and origin."""
        value = quantity.value
        number = f"{value:,.0f}" if value >= _WHOLE else f"{value:.3g}"
        unit = self.say("bytes") if quantity.unit == "bytes" else quantity.unit
        return f"{number} {unit} ({self.origin(quantity.provenance)})"

    def origin(self, provenance: str) -> str:
        """Where a number comes from."""
        return self.say(f"provenance_{provenance.replace(' ', '_')}")

    def _points(self, change: float) -> str:
        return f"{_POINTS * change:+.2f}" if self._is_share() else f"{change:+.4g}"

    def _is_share(self) -> bool:
        return self._metric is not None and self._metric.is_accuracy
