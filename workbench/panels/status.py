"""The status line: what runs, what went wrong, what the baseline check found."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets

if TYPE_CHECKING:
    from workbench.panels.scope import Scope


def status(scope: Scope) -> ipywidgets.Widget:
    """One line, read out politely; a traceback of ours is folded."""
    line = scope.make(ipywidgets.HTML)
    box = scope.make(ipywidgets.VBox, [line], name="wb-status")

    @scope.watch("status", "findings", "lang")
    def update() -> None:
        line.value = f'<div role="status" aria-live="polite">{_html(scope)}</div>'

    return box


def _html(scope: Scope) -> str:
    session = scope.session
    said = session.status
    parts = []
    if said.key:
        name = "wb-error-note" if said.is_error else "wb-running"
        words = escape(scope.say(said.key, **dict(said.values)))
        parts.append(f'<span class="{name}">{words}</span>')
    if said.detail:
        summary = escape(scope.say("screen.details"))
        parts.append(
            f"<details><summary>{summary}</summary>"
            f"<pre>{escape(said.detail)}</pre></details>"
        )
    for finding in session.findings:
        words = escape(scope.say(finding.key, **dict(finding.values)))
        parts.append(f'<div class="wb-warn-note">{words}</div>')
    return " ".join(parts)
