"""What a lesson says back: a state, a sentence and, where it helps, a table."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["right", "wrong", "missing", "shown"]

# One sign and one colour a state; the words beside them say the same.
_SIGNS = {"right": "✔", "wrong": "✘", "missing": "…", "shown": "→"}
_COLOURS = {
    "right": "#2e8b57",
    "wrong": "#d2691e",
    "missing": "#888888",
    "shown": "#4682b4",
}


@dataclass(frozen=True)
class Table:
    """Rows of words under a head.

    Attributes:
        head: Names of the columns.
        rows: One tuple a row, as long as the head.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """The table as lines of text."""
        return "\n".join(" | ".join(row) for row in (self.head, *self.rows))

    def html(self) -> str:
        """The table as HTML."""
        head = "".join(f"<th>{escape(word)}</th>" for word in self.head)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(word)}</td>" for word in row) + "</tr>"
            for row in self.rows
        )
        return f"<table><tr>{head}</tr>{rows}</table>"


@dataclass(frozen=True, repr=False)
class Feedback:
    """What comes back for an answer; a notebook shows it as the cell's result.

    Attributes:
        state: ``right``, ``wrong`` or ``missing`` for an answer; ``shown`` where
            nothing was asked.
        text: What to say.
        lang: Language of the words before it.
        table: Numbers behind it.
    """

    state: State
    text: str
    lang: str = "en"
    table: Table | None = None

    @property
    def head(self) -> str:
        """The first words: how the answer fared; empty where nothing was asked."""
        return "" if self.state == "shown" else say(f"lesson.{self.state}", self.lang)

    def __repr__(self) -> str:
        """The feedback as text, for a terminal."""
        line = f"{_SIGNS[self.state]} {self._joined(self.head, self.text)}"
        return line if self.table is None else f"{line}\n{self.table.text()}"

    def _repr_html_(self) -> str:
        line = self._joined(f"<b>{escape(self.head)}</b>", escape(self.text))
        table = "" if self.table is None else self.table.html()
        return (
            f'<div style="border-left: 4px solid {_COLOURS[self.state]};'
            f' padding: 4px 12px" data-state="{self.state}">'
            f"{_SIGNS[self.state]} {line}{table}</div>"
        )

    def _joined(self, head: str, text: str) -> str:
        """Head and text as one line, or the text alone where there is no head."""
        if not self.head:
            return text
        return say("lesson.joined", self.lang, first=head, second=text)


def judged(  # noqa: PLR0913  # what a verdict is made of
    area: str,
    lang: str,
    state: State,
    name: str,
    values: Mapping[str, object],
    *,
    table: Table | None = None,
) -> Feedback:
    """Why an answer is right, or a hint where it is wrong.

    Args:
        area: Where the lesson's sentences are.
        lang: Language to say it in.
        state: How the answer fared.
        name: What the sentence is called, after ``why`` or ``hint``.
        values: One value for each of its placeholders.
        table: Numbers behind it.
    """
    kind = "why" if state == "right" else "hint"
    return Feedback(state, say(f"{area}.{kind}.{name}", lang, **values), lang, table)


def shown(
    area: str,
    lang: str,
    name: str,
    values: Mapping[str, object],
    *,
    table: Table | None = None,
) -> Feedback:
    """The truth beside a guess.

    Args:
        area: Where the lesson's sentences are.
        lang: Language to say it in.
        name: What the sentence is called, after ``reveal``.
        values: One value for each of its placeholders.
        table: Numbers behind it.
    """
    return Feedback("shown", say(f"{area}.reveal.{name}", lang, **values), lang, table)
