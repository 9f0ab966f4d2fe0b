"""A table as HTML, whose rows become cards on a phone."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


def html_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Collection[int] = (),
) -> str:
    """The table.

    Args:
        titles: One for each column; a card on a phone says it beside each value.
        rows: Plain text of every cell.
        numbers: Columns that hold numbers, which end at the right.
    """
    marks = [' class="wb-number"' if at in numbers else "" for at in range(len(titles))]
    heads = "".join(
        f"<th{mark}>{escape(title)}</th>"
        for mark, title in zip(marks, titles, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(
            f'<td{mark} data-label="{escape(title)}">{escape(cell)}</td>'
            for mark, title, cell in zip(marks, titles, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<table class="wb-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{lines}</tbody></table>"
    )
