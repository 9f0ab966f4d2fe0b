"""The drawer that scans how sensitive each kernel is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from workbench.core.errors import UserError
from workbench.core.sensitivity import LEVELS
from workbench.panels.figures import live_chart

if TYPE_CHECKING:
    from workbench.panels.scope import Scope


def sensitivity(scope: Scope, seen: ipywidgets.ToggleButton) -> ipywidgets.Widget:
    """What it does, a button for each knob, and the chart; a row can be chosen."""
    session = scope.session
    note = scope.make(ipywidgets.HTML, name="wb-note")
    scope.words(note, value="scan.note")
    stop = scope.make(ipywidgets.Button)
    scope.words(stop, description="screen.cancel")
    stop.on_click(lambda _: session.cancel_scan())
    starts = [_start(scope, knob) for knob in LEVELS]

    @scope.watch("original", "is_scanning", "is_retraining")
    def allow() -> None:
        is_busy = session.is_scanning or session.is_retraining
        for start in starts:
            start.disabled = is_busy or session.original is None
        stop.disabled = not session.is_scanning

    chart = live_chart(scope, "sensitivity", "scan", seen=seen)
    chart.on_click(lambda path: session.select((str(path),)))
    buttons = scope.make(ipywidgets.HBox, [*starts, stop], name="wb-presets")
    return scope.make(ipywidgets.VBox, [note, buttons, chart], name="wb-group")


def _start(scope: Scope, knob: str) -> ipywidgets.Button:
    button = scope.make(ipywidgets.Button)
    scope.words(button, description=f"scan.try.{knob}")

    def go(_: object) -> None:
        try:
            scope.session.scan_each(knob)
        except UserError as error:
            scope.session.fail(error)

    button.on_click(go)
    return button
