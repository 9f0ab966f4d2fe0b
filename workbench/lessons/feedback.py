"""What a lesson says back: a state, a sentence and, where it helps, a table."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workbench.session import Session

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


@dataclass(frozen=True)
class Voice:
    """The sentences of one lesson, in the language of its session.

    Attributes:
        area: Where they are.
    """

    area: str

    def word(self, session: Session, name: str, **values: object) -> str:
        """A sentence by its name in the area."""
        return say(f"{self.area}.{name}", session.lang, **values)

    def judged(
        self,
        session: Session,
        state: State,
        name: str,
        values: Mapping[str, object],
        table: Table | None = None,
    ) -> Feedback:
        """Why an answer is right, or a hint where it is wrong.

        Args:
            session: Where it was measured.
            state: How the answer fared.
            name: What the sentence is called, after ``why`` or ``hint``.
            values: One value for each of its placeholders.
            table: Numbers behind it.
        """
        kind = "why" if state == "right" else "hint"
        text = self.word(session, f"{kind}.{name}", **values)
        return Feedback(state, text, session.lang, table)

    def shown(
        self, session: Session, name: str, table: Table | None = None, **values: object
    ) -> Feedback:
        """What nobody is asked for, such as the truth beside a guess.

        Args:
            session: Where it was measured.
            name: What the sentence is called.
            table: Numbers behind it.
            **values: One value for each of its placeholders.
        """
        text = self.word(session, name, **values)
        return Feedback("shown", text, session.lang, table)

    def table(
        self,
        session: Session,
        words: Sequence[str],
        rows: Iterable[tuple[str, ...]],
        names: Sequence[str] = (),
    ) -> Table:
        """Rows under columns that the area names.

        Args:
            session: Whose language.
            words: Names of the first columns, after ``column``.
            rows: What stands under all of them.
            names: Heads of the columns after those, as they are.
        """
        head = [self.word(session, f"column.{word}") for word in words]
        return Table((*head, *names), tuple(rows))


COMMON = Voice("lesson")


def verdict(*, is_right: bool) -> State:
    """The state of an answer that is one of two."""
    return "right" if is_right else "wrong"
