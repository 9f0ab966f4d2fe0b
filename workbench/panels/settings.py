"""The left column: presets, threshold and sparsity, bits, budget, mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from workbench.charts.weights import threshold_of
from workbench.core.activations import ActivationQuantization
from workbench.core.edit import default_knobs, set_knobs, switch_off, wide_knobs
from workbench.core.knob import knobs
from workbench.core.presets import MISTAKES, PRESETS
from workbench.core.recipe import Recipe
from workbench.core.step import steps
from workbench.panels.controls import FLOAT_BITS, Control, bit_slider, choice, slider
from workbench.panels.live import live_weights

if TYPE_CHECKING:
    from workbench.panels.scope import Scope

MOST_SPARSITY = 0.99
KILOBYTE = 1000


def settings(scope: Scope) -> tuple[list[ipywidgets.Widget], dict[str, Control]]:
    """The groups of controls, and the sliders by name for the phone's bottom bar."""
    sliders = {
        "sparsity": _sparsity(scope),
        "threshold": _threshold(scope),
        "bits": _bits(scope, "uniform"),
        "activation_bits": _bits(scope, "activations"),
    }
    pruning = _group(
        sliders["sparsity"].widget, sliders["threshold"].widget, _pruning_scope(scope)
    )
    quantization = _group(
        sliders["bits"].widget,
        sliders["activation_bits"].widget,
        _calibration_note(scope),
    )
    live = live_weights(scope, sliders)
    return [_presets(scope), pruning, quantization, live, _budget(scope)], sliders


def preset_recipe(recipe: Recipe, preset: Recipe) -> Recipe:
    """A preset's plans with the seed and retraining of the present recipe."""
    return Recipe(preset.plans, recipe.retraining, recipe.seed)


def _group(*widgets: ipywidgets.Widget) -> ipywidgets.Widget:
    group = ipywidgets.VBox(list(widgets))
    group.add_class("wb-group")
    return group


def _presets(scope: Scope) -> ipywidgets.Widget:
    session = scope.session
    buttons = []
    for name, preset in PRESETS.items():
        button = ipywidgets.Button(
            description=scope.say(f"preset.{name}"),
            tooltip=scope.help(f"preset.{name}"),
        )
        button.on_click(
            lambda _, preset=preset: session.edit(preset_recipe(session.recipe, preset))
        )
        buttons.append(button)
    row = ipywidgets.HBox(buttons)
    row.add_class("wb-presets")
    mistakes = ipywidgets.Dropdown(
        options=[
            (scope.say("screen.mistakes"), ""),
            *((scope.say(f"preset.{name}"), name) for name in MISTAKES),
        ],
        tooltip=scope.say("screen.mistakes.help"),
        layout={"width": "auto"},
    )
    note = ipywidgets.HTML()
    note.add_class("wb-warn-note")

    def load(change: dict[str, str]) -> None:
        name = change["new"]
        note.value = scope.help(f"preset.{name}") if name else ""
        if name:
            session.edit(preset_recipe(session.recipe, MISTAKES[name]))

    @scope.watch("recipe", now=False)
    def forget() -> None:
        chosen = mistakes.value
        if chosen and session.recipe.plans != MISTAKES[chosen].plans:
            mistakes.value = ""

    mistakes.observe(load, "value")
    return _group(row, mistakes, note)


def _sparsity(scope: Scope) -> Control:
    session = scope.session
    knob = knobs(steps["magnitude"])["sparsity"]

    def moved(value: float) -> None:
        recipe = set_knobs(session.recipe, "magnitude", sparsity=value)
        session.edit(recipe, "sparsity")

    control = slider(scope, "magnitude", "sparsity", knob, moved, high=MOST_SPARSITY)

    @scope.watch("recipe", "before")
    def update() -> None:
        values = wide_knobs(session.recipe, "magnitude") or {}
        if values.get("threshold") is None:
            sparsity = float(values.get("sparsity") or 0.0)
            control.show(min(sparsity, MOST_SPARSITY))
        elif session.before is not None:
            control.show(min(session.before.network.sparsity, MOST_SPARSITY))

    return control


def _threshold(scope: Scope) -> Control:
    session = scope.session
    knob = knobs(steps["magnitude"])["threshold"]

    def moved(value: float) -> None:
        recipe = set_knobs(session.recipe, "magnitude", threshold=value)
        session.edit(recipe, "threshold")

    control = slider(scope, "magnitude", "threshold", knob, moved, high=1.0)

    @scope.watch("weights")
    def rescale() -> None:
        largest = max(
            (float(abs(values).max(initial=0)) for values in session.weights.values()),
            default=1.0,
        )
        control.widget.max = largest or 1.0
        control.widget.step = (largest or 1.0) / 1000

    @scope.watch("recipe", "before")
    def update() -> None:
        set_here = (wide_knobs(session.recipe, "magnitude") or {}).get("threshold")
        if set_here is not None:
            control.show(min(float(set_here), control.widget.max))
        else:
            control.show(threshold_of(session.snapshot()) or 0.0)

    return control


def _pruning_scope(scope: Scope) -> ipywidgets.Widget:
    session = scope.session
    knob = knobs(steps["magnitude"])["scope"]

    def moved(value: str) -> None:
        session.edit(set_knobs(session.recipe, "magnitude", scope=value))

    control = choice(scope, "magnitude", "scope", knob, moved)

    @scope.watch("recipe")
    def update() -> None:
        values = wide_knobs(session.recipe, "magnitude")
        control.show((values or default_knobs("magnitude"))["scope"])

    return control.widget


def _bits(scope: Scope, step: str) -> Control:
    session = scope.session
    owner = ActivationQuantization if step == "activations" else steps[step]

    def moved(bits: int) -> None:
        recipe = session.recipe
        if bits == FLOAT_BITS:
            session.edit(switch_off(recipe, step), step)
        else:
            session.edit(set_knobs(recipe, step, bits=bits), step)

    control = bit_slider(scope, step, knobs(owner)["bits"], moved)

    @scope.watch("recipe")
    def update() -> None:
        values = wide_knobs(session.recipe, step)
        control.show(FLOAT_BITS if values is None else values["bits"])

    if step == "activations":

        @scope.watch("workload")
        def allow() -> None:
            control.enable(is_enabled=session.can_train)

    return control


def _calibration_note(scope: Scope) -> ipywidgets.Widget:
    note = ipywidgets.HTML()
    note.add_class("wb-note")

    @scope.watch("workload")
    def update() -> None:
        session = scope.session
        is_off = session.workload is not None and not session.can_train
        note.value = scope.say("session.no_calibration") if is_off else ""

    return note


def _budget(scope: Scope) -> ipywidgets.Widget:
    session = scope.session

    def moved(kilobytes: float) -> None:
        session.set(budget=kilobytes * KILOBYTE or None)
        session.remember()

    box = ipywidgets.BoundedFloatText(min=0, max=1e9, step=10)
    control = Control(
        scope.say("screen.budget"), scope.say("screen.budget.help"), box, moved
    )

    @scope.watch("budget")
    def update() -> None:
        control.show((session.budget or 0) / KILOBYTE)

    return _group(control.widget)
