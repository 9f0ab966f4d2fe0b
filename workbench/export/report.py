"""The report: one HTML file with everything about a result, which opens offline.

Nothing in it is fetched: styles and charts are written into the page, there is no
script, and the page's own policy forbids requests. Every name that came from a model,
a recipe or data is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.export import report_sections as sections
from workbench.export.report_words import ReportWords

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.core.cost import Sizes
    from workbench.core.history import Visit
    from workbench.core.measurement import Measurement, MetricInfo
    from workbench.core.quantity import Quantity
    from workbench.core.resolved import ResolvedRecipe
    from workbench.core.snapshot import Outcome
    from workbench.export.artifact import Artifact, LeftOut

_STYLE = Path(__file__).with_name("report.css")
_SECTIONS = {
    "verdict": sections.verdict,
    "scores": sections.scores,
    "sizes": sections.sizes,
    "tradeoff": sections.tradeoff,
    "files": sections.files,
    "tensors": sections.tensors,
    "activations": sections.activations,
    "skipped": sections.skipped,
    "recipe": sections.recipe,
    "origin": sections.origin,
}


@dataclass(frozen=True, eq=False)
class ReportInput:
    """What a report is written from.

    Attributes:
        resolved: What was done, with hashes, versions, seed and every level.
        metric: What a score means; None without data.
        data: What the data are called.
        original: The original's score; None without data.
        original_sizes: What the original takes.
        before: The result without retraining.
        after: The result of retraining; None without.
        artifacts: The files that were written.
        left_out: The formats that do not hold the result.
        history: Every setting that was tried.
        budget: Bytes that the user wanted to stay below; None for no budget.
        coded: What the result takes entropy-coded, decodable; None where not known.
    """

    resolved: ResolvedRecipe
    metric: MetricInfo | None
    data: str
    original: Measurement | None
    original_sizes: Sizes
    before: Outcome | None
    after: Outcome | None = None
    artifacts: Sequence[Artifact] = ()
    left_out: Sequence[LeftOut] = ()
    history: Sequence[Visit] = ()
    budget: float | None = None
    coded: Quantity | None = None

    @property
    def result(self) -> Outcome | None:
        """What the verdict is about: after retraining where there was one."""
        return self.after or self.before


def report(given: ReportInput, lang: str = "en") -> str:
    """The page.

    Args:
        given: What it is written from.
        lang: ``en`` or ``zh``.
    """
    words = ReportWords(given.metric, lang)
    title = words.say("title", model=given.resolved.model)
    written = ((name, write(given, words)) for name, write in _SECTIONS.items())
    content = "\n".join(
        f"<section><h2>{escape(words.say(name))}</h2>{html}</section>"
        for name, html in written
        if html
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        f"<style>{_STYLE.read_text('utf-8')}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{content}\n</body></html>\n"
    )
