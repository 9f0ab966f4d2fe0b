"""The closed drawers below the fold."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import ipywidgets

from workbench.core.activations import ActivationQuantization
from workbench.core.edit import default_knobs, set_knobs, wide_knobs
from workbench.core.knob import Knob, knobs
from workbench.core.step import steps
from workbench.panels.controls import choice
from workbench.panels.figures import live_chart, structure
from workbench.panels.scope import when_opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.panels.scope import Scope

    Toggle = ipywidgets.ToggleButton


def drawers(scope: Scope) -> ipywidgets.Widget:
    """Doctor, methods, classes, structure, options, measures, formula, losses."""

    def classes(seen: Toggle) -> ipywidgets.Widget:
        watched = ("before", "after", "original", "workload")
        return live_chart(scope, "classes", *watched, seen=seen)

    def spectrum(seen: Toggle) -> ipywidgets.Widget:
        watched = ("before", "sites", "selection")
        return live_chart(scope, "spectrum", *watched, seen=seen)

    def losses(seen: Toggle) -> ipywidgets.Widget:
        return live_chart(scope, "losses", "progress", seen=seen)

    first = drawer(scope, "doctor", lambda seen: _inside("doctor")(scope, seen))
    last = drawer(scope, "losses", losses)
    _open_when(scope, first, "sites", _has_skipped)
    _open_when(scope, last, "is_retraining", _is_retraining)
    return scope.make(
        ipywidgets.VBox,
        [
            first,
            drawer(scope, "methods", lambda _: _inside("methods")(scope)),
            drawer(scope, "classes", classes),
            drawer(
                scope, "sensitivity", lambda seen: _inside("sensitivity")(scope, seen)
            ),
            drawer(scope, "structure", lambda seen: structure(scope, seen)),
            drawer(scope, "spectrum", spectrum),
            drawer(scope, "quantizer", lambda _: _quantizer(scope)),
            drawer(scope, "measures", lambda seen: _inside("measures")(scope, seen)),
            drawer(scope, "formula", lambda seen: _inside("formula")(scope, seen)),
            drawer(scope, "recipe", lambda _: _inside("recipe_text")(scope)),
            last,
        ],
        name="wb-drawers",
    )


def drawer(
    scope: Scope, name: str, content: Callable[[Toggle], ipywidgets.Widget]
) -> ipywidgets.VBox:
    """A titled drawer, closed at first.

    Args:
        scope: The session.
        name: Its title is the text ``screen.drawer.NAME``.
        content: Makes what is in it, when it is opened first; gets the button that
            opens it, since what nobody sees need not be computed.
    """
    toggle = scope.make(ipywidgets.ToggleButton)
    scope.words(toggle, description=f"screen.drawer.{name}")
    box = scope.make(ipywidgets.VBox, [toggle], name="wb-drawer")

    def opened() -> list[ipywidgets.Widget]:
        return [toggle, scope.make(ipywidgets.VBox, [content(toggle)])]

    when_opened(toggle, box, opened)
    return box


def _inside(name: str) -> Callable[..., ipywidgets.Widget]:
    """The view in a drawer, by its file: what is closed need not be imported."""
    return getattr(import_module(f"workbench.panels.{name}"), name)


def _open_when(
    scope: Scope, box: ipywidgets.VBox, trait: str, is_needed: Callable[[Scope], bool]
) -> None:
    """Open a drawer when there is something to see in it."""

    @scope.watch(trait)
    def update() -> None:
        if is_needed(scope):
            box.children[0].value = True


def _has_skipped(scope: Scope) -> bool:
    return any(not site.can for site in scope.session.sites)


def _is_retraining(scope: Scope) -> bool:
    return scope.session.is_retraining


def _quantizer(scope: Scope) -> ipywidgets.Widget:
    """Every knob of the quantizers that is not a slider on the left."""
    widgets = []
    for step, owner in (
        ("uniform", steps["uniform"]),
        ("activations", ActivationQuantization),
    ):
        for name, knob in knobs(owner).items():
            if name != "bits":
                widgets.append(_option(scope, step, name, knob))
    return scope.make(
        ipywidgets.GridBox,
        widgets,
        layout={
            "grid_template_columns": "repeat(auto-fit, minmax(260px, 1fr))",
            "grid_gap": "8px",
        },
    )


def _option(scope: Scope, step: str, name: str, knob: Knob) -> ipywidgets.Widget:
    session = scope.session
    control = choice(
        scope,
        step,
        name,
        knob,
        lambda value: session.edit(set_knobs(session.recipe, step, **{name: value})),
    )

    @scope.watch("recipe", "lang")
    def update() -> None:
        values = wide_knobs(session.recipe, step)
        control.enable(
            is_enabled=values is not None, reason=scope.say("screen.choose_bits_first")
        )
        control.show((values or default_knobs(step))[name])

    return control.widget
