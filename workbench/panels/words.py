"""Numbers as the screen shows them, with unit and origin."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from workbench.core import readable
from workbench.core.readable import score, size
from workbench.text import say

if TYPE_CHECKING:
    from workbench.core.measurement import Difference, MetricInfo
    from workbench.core.quantity import Provenance

__all__ = ["badge", "points", "ratio", "score", "size"]

# Three digits would be written as 1e+03 from here on.
_THOUSAND = 999.5


def points(gap: Difference, metric: MetricInfo | None, lang: str) -> str:
    """A difference with its interval: in points where the score is an accuracy."""
    return readable.points(gap, metric, lang, minus="\N{MINUS SIGN}")


def ratio(value: float) -> str:
    """How many times smaller, in three digits and without a power of ten."""
    return f"{value:.3g}" if value < _THOUSAND else f"{value:,.0f}"


def badge(provenance: Provenance, lang: str) -> str:
    """HTML of a small mark that says where a number comes from."""
    name = provenance.replace(" ", "-")
    words = escape(say(f"screen.provenance.{name}", lang))
    return f'<span class="wb-badge wb-{name}">{words}</span>'
