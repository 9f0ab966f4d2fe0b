"""The top bar: model, data, baseline score, language, undo, redo, reset."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets

from workbench.panels import words
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
    title = ipywidgets.HTML()
    title.add_class("wb-grow")

    @scope.watch("original", "workload", "sites")
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

    bar = ipywidgets.HBox(
        [
            *_demo_picker(scope, demos, choose_demo),
            title,
            *_history_buttons(scope),
            _language(scope),
            save,
        ]
    )
    bar.add_class("wb-topbar")
    return bar


def _demo_picker(
    scope: Scope, demos: tuple[str, ...], choose_demo: Callable[[str], None]
) -> list[ipywidgets.Widget]:
    if not demos:
        return []
    picker = ipywidgets.Dropdown(
        options=[(scope.say(f"demo.{name}"), name) for name in demos],
        value=scope.session.demo,
        tooltip=scope.say("screen.demo.help"),
        layout={"width": "auto"},
    )
    picker.observe(lambda change: choose_demo(change["new"]), "value")
    return [picker]


def _history_buttons(scope: Scope) -> list[ipywidgets.Button]:
    session = scope.session
    buttons = {}
    for name, icon, act in (
        ("undo", "↶", session.undo),
        ("redo", "↷", session.redo),
        ("reset", "⟲", session.reset),
    ):
        label = scope.say(f"screen.{name}")
        button = ipywidgets.Button(
            description=f"{icon} {label}", tooltip=label, layout={"width": "auto"}
        )
        button.on_click(lambda _, act=act: act())
        buttons[name] = button

    @scope.watch("recipe")
    def update() -> None:
        buttons["undo"].disabled = not session.can_undo
        buttons["redo"].disabled = not session.can_redo
        buttons["reset"].disabled = not session.recipe.plans

    return list(buttons.values())


def _language(scope: Scope) -> ipywidgets.Widget:
    session = scope.session
    picker = ipywidgets.Dropdown(
        options=[(LANGUAGE_NAMES[lang], lang) for lang in LANGUAGES],
        value=session.lang,
        tooltip=scope.say("screen.language"),
        layout={"width": "auto"},
    )
    picker.observe(lambda change: session.set(lang=change["new"]), "value")
    return picker
