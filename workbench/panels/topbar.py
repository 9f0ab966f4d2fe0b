"""The top bar: model, data, baseline score, language, undo, redo, reset."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets

from workbench.panels import words
from workbench.panels.controls import picker
from workbench.text import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.panels.scope import Scope

LANGUAGE_NAMES = {"en": "English", "zh": "中文"}


def topbar(
    scope: Scope,
    demos: tuple[str, ...],
    choose_demo: Callable[[str], None],
    save: ipywidgets.Widget,
) -> ipywidgets.Widget:
    """The bar.

    Args:
        scope: The session.
        demos: Demos to choose from; empty where the user brought a model.
        choose_demo: Called with the chosen one.
        save: The button that opens the panel for saving.
    """
    session = scope.session
    title = scope.make(ipywidgets.HTML, name="wb-grow")

    @scope.watch("original", "workload", "sites", "lang")
    def update() -> None:
        snapshot = session.snapshot()
        parts = [f"<b>{escape(snapshot.name)}</b>"]
        if session.workload is not None:
            parts.append(escape(session.workload.data.name))
        if snapshot.original is not None:
            value = words.score(snapshot.original.score, snapshot.metric)
            parts.append(escape(scope.say("screen.baseline", score=value)))
        weights = sum(site.parameters for site in snapshot.sites)
        parts.append(escape(scope.say("screen.weights", count=f"{weights:,}")))
        title.value = " · ".join(parts)

    return scope.make(
        ipywidgets.HBox,
        [
            *_demo_picker(scope, demos, choose_demo),
            title,
            *_history_buttons(scope),
            _language(scope),
            save,
        ],
        name="wb-topbar",
    )


def _demo_picker(
    scope: Scope, demos: tuple[str, ...], choose_demo: Callable[[str], None]
) -> list[ipywidgets.Widget]:
    if not demos:
        return []
    control = picker(scope, {f"demo.{name}": name for name in demos}, choose_demo)
    control.show(scope.session.demo)
    scope.words(control.widget, tooltip="screen.demo.help")
    return [control.widget]


def _history_buttons(scope: Scope) -> list[ipywidgets.Button]:
    session = scope.session
    buttons: dict[str, ipywidgets.Button] = {}
    icons: dict[str, str] = {}
    for name, icon, act in (
        ("undo", "↶", session.undo),
        ("redo", "↷", session.redo),
        ("reset", "⟲", session.reset),
    ):
        button = scope.make(ipywidgets.Button, layout={"width": "auto"})
        button.on_click(lambda _, act=act: act())
        buttons[name] = button
        icons[name] = icon

    @scope.watch("lang")
    def translate() -> None:
        for name, button in buttons.items():
            button.tooltip = scope.say(f"screen.{name}")
            button.description = f"{icons[name]} {button.tooltip}"

    @scope.watch("recipe")
    def update() -> None:
        buttons["undo"].disabled = not session.can_undo
        buttons["redo"].disabled = not session.can_redo
        buttons["reset"].disabled = not session.recipe.plans

    return list(buttons.values())


def _language(scope: Scope) -> ipywidgets.Widget:
    session = scope.session
    choice = scope.make(
        ipywidgets.Dropdown,
        options=[(LANGUAGE_NAMES[lang], lang) for lang in LANGUAGES],
        value=session.lang,
        layout={"width": "auto"},
    )
    scope.words(choice, tooltip="screen.language")
    scope.watch("lang")(lambda: choice.set_trait("value", session.lang))
    choice.observe(lambda change: session.set(lang=change["new"]), "value")
    return choice
