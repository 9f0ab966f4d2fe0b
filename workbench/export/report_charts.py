"""Static charts of the report as SVG, drawn without a library or a request."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WIDTH, _ROW, _LABEL, _VALUE = 640, 26, 190, 130
_PLOT_HEIGHT, _MARGIN = 260, 48
_TICKS = 4


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: What it is.
        value: Its length.
        text: Its value with its unit.
        low: Lower end of an interval; None without one.
        high: Upper end.
        style: Class of its colour.
    """

    label: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    style: str = "mark"


@dataclass(frozen=True)
class Dot:
    """One dot in the plane, with what a reader hears of it.

    Attributes:
        x: To the right.
        y: Up.
        text: Its values with their units.
        style: Class of its colour.
    """

    x: float
    y: float
    text: str
    style: str = "mark"


def bars(title: str, rows: Sequence[Bar], *, start: float = 0.0) -> str:
    """Horizontal bars, one a row, with their values written beside them.

    Args:
        title: What the chart shows, for readers who do not see it.
        rows: The bars.
        start: Value at the left edge, below every value.
    """
    ends = [row.high if row.high is not None else row.value for row in rows]
    reach = max([*ends, start], default=start) - start or 1.0
    room = _WIDTH - _LABEL - _VALUE

    def place(value: float) -> float:
        return _LABEL + room * max(value - start, 0.0) / reach

    parts = [part for i, row in enumerate(rows) for part in _bar(row, i, place)]
    return _svg(title, _ROW * len(rows), parts)


def scatter(title: str, x_title: str, y_title: str, dots: Sequence[Dot]) -> str:
    """Dots in a plane, with marked axes.

    Args:
        title: What the chart shows.
        x_title: Quantity and unit to the right, from 0.
        y_title: Quantity and unit upwards, over the range that is there.
        dots: At least one dot.
    """
    right = max(dot.x for dot in dots) * 1.05 or 1.0
    low, high = min(dot.y for dot in dots), max(dot.y for dot in dots)
    pad = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    low, high = low - pad, high + pad
    width, height = _WIDTH - 2 * _MARGIN, _PLOT_HEIGHT - 2 * _MARGIN

    def at(x: float, y: float) -> tuple[float, float]:
        up = _PLOT_HEIGHT - _MARGIN - height * (y - low) / (high - low)
        return _MARGIN + width * x / right, up

    parts = [
        f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{width}" height="{height}" '
        'class="frame"/>',
        _text(_WIDTH / 2, _PLOT_HEIGHT - 8, x_title, "middle"),
        _text(_MARGIN, _MARGIN - 14, y_title, "start"),
    ]
    for tick in range(_TICKS + 1):
        share = tick / _TICKS
        x, _ = at(right * share, low)
        parts.append(
            _text(x, _PLOT_HEIGHT - _MARGIN + 16, f"{right * share:,.0f}", "middle")
        )
        value = low + (high - low) * share
        _, y = at(0, value)
        parts.append(_text(_MARGIN - 4, y + 4, f"{value:.3g}", "end"))
    for dot in dots:
        x, y = at(dot.x, dot.y)
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{dot.style}">'
            f"<title>{escape(dot.text)}</title></circle>"
        )
    return _svg(title, _PLOT_HEIGHT, parts)


def _bar(row: Bar, index: int, place: Callable[[float], float]) -> list[str]:
    top = index * _ROW
    middle = top + _ROW / 2
    end = place(row.value)
    parts = [
        _text(_LABEL - 8, middle + 4, row.label, "end"),
        f'<rect x="{_LABEL}" y="{top + 4}" width="{end - _LABEL:.1f}" '
        f'height="{_ROW - 8}" class="{row.style}"/>',
    ]
    if row.low is not None and row.high is not None:
        parts.append(
            f'<line x1="{place(row.low):.1f}" x2="{place(row.high):.1f}" '
            f'y1="{middle}" y2="{middle}" class="whisker"/>'
        )
        end = max(end, place(row.high))
    parts.append(_text(end + 6, middle + 4, row.text, "start"))
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    drawn = "".join(parts)
    return (
        f'<svg role="img" viewBox="0 0 {_WIDTH} {height}">'
        f"<title>{escape(title)}</title>{drawn}</svg>"
    )
