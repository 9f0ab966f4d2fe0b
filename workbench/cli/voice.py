"""What the command line says: results on stdout, progress on stderr."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BAR_WIDTH = 24
_ERASE = "\r\x1b[K"


@dataclass(frozen=True)
class Report:
    """The result of a command.

    Attributes:
        data: For ``--json``.
        lines: For people.
        undone: What of the wish could not be done, a sentence each.
    """

    data: Mapping[str, Any]
    lines: Sequence[str]
    undone: Sequence[str] = ()

    def json(self) -> str:
        """One JSON object; a number that is none in JSON is null."""
        values = plain(self.data)
        return json.dumps(values, ensure_ascii=False, indent=2, allow_nan=False)

    def text(self) -> str:
        """The lines."""
        return "\n".join(self.lines)


@dataclass
class Voice:
    """Language and progress of a command.

    Attributes:
        lang: Language of all that is said.
        is_json: Whether the result is printed as JSON.
    """

    lang: str = "en"
    is_json: bool = False
    _is_dirty: bool = field(default=False, repr=False)

    def say(self, key: str, **values: object) -> str:
        """A sentence in the language."""
        return say(key, self.lang, **values)

    def progress(self, text: str, fraction: float | None = None) -> None:
        """Show how far a command is, where stderr is a terminal.

        Args:
            text: What it does.
            fraction: How much of that is done, 0 to 1; None where nothing tells.
        """
        if not sys.stderr.isatty():
            return
        bar = ""
        if fraction is not None:
            full = round(BAR_WIDTH * fraction)
            bar = f"[{'#' * full}{'.' * (BAR_WIDTH - full)}] {fraction:4.0%} "
        sys.stderr.write(f"{_ERASE}{bar}{text}")
        sys.stderr.flush()
        self._is_dirty = True

    def clear(self) -> None:
        """Take the progress away."""
        if self._is_dirty:
            sys.stderr.write(_ERASE)
            sys.stderr.flush()
            self._is_dirty = False


def plain(value: Any) -> Any:
    """A value as JSON has it: plain numbers, null for NaN and infinity."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of words as lines with aligned columns, the first row being its head."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            word + " " * (width - _width(word))
            for word, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _width(word: str) -> int:
    """Columns of a terminal; a Chinese character takes two."""
    return sum(1 + (ord(c) >= 0x1100) for c in word)  # noqa: PLR2004 - Hangul on
