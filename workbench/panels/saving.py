"""Save: formats, a folder, what was written, and a download."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.core.errors import UserError
from workbench.panels import words
from workbench.panels.scope import show_or_hide, when_opened

if TYPE_CHECKING:
    from workbench.panels.scope import Scope

FORMATS = ("keras", "tflite", "tflite-exact", "tflite-int8", "wbz")
CHOSEN = ("keras", "tflite")


def saving(scope: Scope) -> tuple[ipywidgets.ToggleButton, ipywidgets.Widget]:
    """A button, and the group it opens: write the result into a folder."""
    toggle = scope.make(ipywidgets.ToggleButton, layout={"width": "auto"})
    scope.words(toggle, description="screen.save")
    group = scope.make(ipywidgets.VBox, name="wb-group wb-saving wb-hidden")

    def open_or_close(change: dict[str, bool]) -> None:
        show_or_hide(group, is_shown=change["new"])

    when_opened(toggle, group, lambda: _form(scope))
    toggle.observe(open_or_close, "value")
    return toggle, group


def _form(scope: Scope) -> list[ipywidgets.Widget]:
    """Where to, which formats, and what was written."""
    session = scope.session
    boxes = {
        name: scope.make(ipywidgets.Checkbox, value=name in CHOSEN, indent=False)
        for name in FORMATS
    }
    folder = scope.make(ipywidgets.Text, value="compressed", layout={"width": "auto"})
    force = scope.make(ipywidgets.Checkbox, indent=False)
    save = scope.make(ipywidgets.Button, button_style="primary")
    get = scope.make(ipywidgets.Button, layout={"width": "auto"})
    listing = scope.make(ipywidgets.HTML)
    words = {"folder": folder, "force": force, "save": save, "download": get}
    words |= {f"format.{name}": box for name, box in boxes.items()}
    for name, widget in words.items():
        scope.words(widget, description=f"screen.{name}")

    def go(_: Any) -> None:
        chosen = tuple(name for name, box in boxes.items() if box.value)
        try:
            session.save(folder.value, chosen, is_forced=force.value)
        except UserError as error:
            session.fail(error)

    def download(_: Any) -> None:
        session.pack(scope.address.download)

    save.on_click(go)
    get.on_click(download)

    @scope.watch("saved", "lang")
    def update() -> None:
        get.disabled = session.saved is None
        listing.value = "" if session.saved is None else _listing(scope)

    buttons = scope.make(ipywidgets.HBox, [save, get], name="wb-presets")
    return [folder, *boxes.values(), force, buttons, listing]


def _listing(scope: Scope) -> str:
    lang, saved = scope.session.lang, scope.session.saved
    lines = []
    for one in saved.artifacts:
        parts = [f"<b>{escape(one.path.name)}</b> {words.size(one.bytes.value)}"]
        parts.append(words.badge(one.bytes.provenance, lang))
        if one.score is not None:
            metric = scope.session.workload.metric.info
            parts.append(words.score(one.score.score, metric))
            parts.append(words.badge(one.score.provenance, lang))
        if one.latency_ms is not None:
            parts.append(f"{one.latency_ms.value:.3g} ms")
        notes = "".join(f"<li>{escape(note.text(lang))}</li>" for note in one.notes)
        lines.append(f"<li>{' '.join(parts)}<ul>{notes}</ul></li>")
    lines += [f"<li>{escape(one.text(lang))}</li>" for one in saved.left_out]
    return f"<ul>{''.join(lines)}</ul>"
