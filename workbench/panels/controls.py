"""Sliders and choices made from knobs: bounds, unit, label and help come from there."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

import ipywidgets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from workbench.core.knob import Knob
    from workbench.panels.scope import Scope

FLOAT_BITS = 32
# Of what has a label beside it.
LOOK: dict[str, Any] = {
    "layout": {"width": "auto"},
    "style": {"description_width": "116px"},
}
ECHO_SECONDS = 3.0


class Control:
    """A control that tells a hand's moves from those of the program.

    Args:
        widget: A widget with a ``value``, made to look like `LOOK`.
        moved: Called with the new value when the user moved it.

    Attributes:
        widget: The widget.
    """

    def __init__(self, widget: Any, moved: Callable[[Any], None]) -> None:
        """Listen to the widget."""
        self.widget = widget
        self._moved = moved
        self._help = self._reason = ""
        self._is_showing = False
        self._shown: deque[tuple[float, float]] = deque(maxlen=8)
        widget.observe(self._changed, "value")

    def show(self, value: Any) -> None:
        """Move the control without that counting as the user's wish."""
        self._is_showing = True
        if isinstance(self.widget, ipywidgets.FloatSlider):
            self._shown.append((value, time.monotonic()))
        try:
            self.widget.value = value
        finally:
            self._is_showing = False

    def describe(self, label: str, help_text: str) -> None:
        """Say what it sets, and more in its tooltip."""
        self._help = help_text
        with self.widget.hold_sync():
            self.widget.description = label
            self._tell()

    def relabel(self, options: Sequence[tuple[str, Any]]) -> None:
        """Give its choices other words; the values are the same, and so is the chosen.

        Args:
            options: Words and value of each.
        """
        chosen = self.widget.value
        # New options choose their first, which is nobody's wish either.
        with self.widget.hold_sync():
            self._is_showing = True
            try:
                self.widget.options = options
                self.widget.value = chosen
            finally:
                self._is_showing = False

    def enable(self, *, is_enabled: bool, reason: str = "") -> None:
        """Enable it, or disable it with the reason as its tooltip."""
        self.widget.disabled = not is_enabled
        self._reason = "" if is_enabled else reason
        self._tell()

    def _tell(self) -> None:
        self.widget.tooltip = self._reason or self._help

    def _changed(self, change: Any) -> None:
        if self._is_showing or self._is_echo(change["new"]):
            return
        self._shown.clear()
        self._moved(change["new"])

    def _is_echo(self, value: Any) -> bool:
        """Whether the page only rounded what it was shown to the slider's grain.

        The rounded value may come when something else is shown already.
        """
        since = time.monotonic() - ECHO_SECONDS
        for shown, at in self._shown:
            if at >= since and abs(value - shown) <= 0.51 * float(self.widget.step):
                self._shown.remove((shown, at))
                return True
        return False


def slider(  # noqa: PLR0913  # where it comes from, and what it moves
    scope: Scope,
    step: str,
    name: str,
    knob: Knob,
    moved: Callable[[Any], None],
    *,
    high: float | None = None,
) -> Control:
    """A continuous slider for a knob.

    Args:
        scope: The session.
        step: Name of the step the knob belongs to.
        name: Name of the knob.
        knob: Its declaration.
        moved: Called with the new value when the user moved it.
        high: Largest value on the slider, where that is less than the knob allows.
    """
    top = knob.high if high is None else high
    is_fraction = knob.high <= 1.0
    widget = scope.make(
        ipywidgets.FloatSlider,
        min=knob.low,
        max=top,
        step=knob.step or 0.001,
        readout_format=".1%" if is_fraction else ".4f",
        name="wb-slider wb-percent" if is_fraction else "wb-slider",
        **LOOK,
    )
    return described(scope, f"knob.{step}.{name}", Control(widget, moved))


def bit_slider(
    scope: Scope, step: str, knob: Knob, moved: Callable[[int], None]
) -> Control:
    """A slider over bit widths, with float at its end."""
    widths = [(str(bits), bits) for bits in range(int(knob.low), int(knob.high) + 1)]

    def options() -> list[tuple[str, int]]:
        return [*widths, (scope.say("screen.float"), FLOAT_BITS)]

    widget = scope.make(
        ipywidgets.SelectionSlider,
        options=options(),
        value=FLOAT_BITS,
        name="wb-slider wb-choices",
        **LOOK,
    )
    control = Control(widget, moved)
    scope.watch("lang", now=False)(lambda: control.relabel(options()))
    return described(scope, f"knob.{step}.bits", control)


def choice(
    scope: Scope, step: str, name: str, knob: Knob, moved: Callable[[Any], None]
) -> Control:
    """A drop-down for a knob with choices, or yes and no."""
    key = f"knob.{step}.{name}"
    keys = {f"{key}.{word}": word for word in knob.choices}
    if knob.kind == "bool":
        keys = {"screen.yes": True, "screen.no": False}
    return described(scope, key, picker(scope, keys, moved))


def picker(
    scope: Scope, keys: Mapping[str, Any], moved: Callable[[Any], None]
) -> Control:
    """A drop-down.

    Args:
        scope: The session.
        keys: Value of each choice, by the key of its words.
        moved: Called with the new value when the user chose it.
    """

    def options() -> list[tuple[str, Any]]:
        return [(scope.name(key), value) for key, value in keys.items()]

    control = Control(scope.make(ipywidgets.Dropdown, options=options(), **LOOK), moved)
    scope.watch("lang", now=False)(lambda: control.relabel(options()))
    return control


def number(
    scope: Scope, step: str, name: str, knob: Knob, moved: Callable[[Any], None]
) -> Control:
    """A box to type a number into."""
    key = f"knob.{step}.{name}"
    kind = ipywidgets.BoundedIntText
    if knob.kind == "float":
        kind = ipywidgets.BoundedFloatText
    widget = scope.make(kind, min=knob.low, max=knob.high, **LOOK)
    control = Control(widget, moved)
    return described(scope, key, control)


def described(scope: Scope, key: str, control: Control) -> Control:
    """A control with the words of a key, and its help, in the session's language."""
    scope.watch("lang")(lambda: control.describe(scope.name(key), scope.help(key)))
    return control
