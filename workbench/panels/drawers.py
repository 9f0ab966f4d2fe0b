"""The closed drawers below the fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from workbench.core.activations import ActivationQuantization
from workbench.core.edit import default_knobs, set_knobs, wide_knobs
from workbench.core.knob import Knob, knobs
from workbench.core.step import steps
from workbench.panels.controls import choice
from workbench.panels.doctor import doctor
from workbench.panels.figures import live_chart
from workbench.panels.formula import formula
from workbench.panels.measures import measures
from workbench.panels.recipe_text import recipe_text

if TYPE_CHECKING:
    from workbench.panels.scope import Scope


def drawers(scope: Scope) -> ipywidgets.Widget:
    """Doctor, classes, quantizer options, measures, formula, recipe, losses."""
    classes = live_chart(scope, "classes", "before", "after", "original", "workload")
    losses = live_chart(scope, "losses", "progress")
    box = ipywidgets.VBox(
        [
            _opened_by(scope, "doctor", doctor(scope), "sites", _has_skipped),
            drawer(scope, "classes", classes),
            drawer(scope, "quantizer", _quantizer(scope)),
            drawer(scope, "measures", measures(scope)),
            drawer(scope, "formula", formula(scope)),
            drawer(scope, "recipe", recipe_text(scope)),
            _opened_by(scope, "losses", losses, "is_retraining", _is_retraining),
        ]
    )
    box.add_class("wb-drawers")
    return box


def drawer(scope: Scope, name: str, content: ipywidgets.Widget) -> ipywidgets.VBox:
    """A titled drawer, closed at first."""
    toggle = ipywidgets.ToggleButton(description=scope.say(f"screen.drawer.{name}"))
    box = ipywidgets.VBox([toggle, ipywidgets.VBox([content])])
    box.add_class("wb-drawer")
    return box


def _opened_by(
    scope: Scope, name: str, content: ipywidgets.Widget, trait: str, is_needed: object
) -> ipywidgets.Widget:
    """A drawer that opens by itself when there is something to see in it."""
    box = drawer(scope, name, content)

    @scope.watch(trait)
    def update() -> None:
        if is_needed(scope):  # type: ignore[operator]
            box.children[0].value = True

    return box


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
    return ipywidgets.GridBox(
        widgets,
        layout={
            "grid_template_columns": "repeat(auto-fit, minmax(180px, 1fr))",
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

    @scope.watch("recipe")
    def update() -> None:
        values = wide_knobs(session.recipe, step)
        control.enable(
            is_enabled=values is not None, reason=scope.say("screen.choose_bits_first")
        )
        control.show((values or default_knobs(step))[name])

    return control.widget
