"""The left column: presets, threshold and sparsity, bits, budget, mistakes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.charts.weights import threshold_of
from workbench.core.activations import ActivationQuantization
from workbench.core.edit import (
    default_knobs,
    set_knobs,
    set_repair,
    switch_off,
    wide_knobs,
)
from workbench.core.knob import knobs
from workbench.core.presets import MISTAKES, PRESETS
from workbench.core.recipe import Recipe
from workbench.core.step import steps
from workbench.panels.controls import (
    FLOAT_BITS,
    Control,
    bit_slider,
    choice,
    described,
    picker,
    slider,
)
from workbench.panels.live import live_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.core.snapshot import Snapshot
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
        sliders["sparsity"].widget,
        sliders["threshold"].widget,
        _pruning_scope(scope),
        _repair(scope),
    )
    quantization = _group(
        sliders["bits"].widget,
        sliders["activation_bits"].widget,
        _calibration_note(scope),
    )
    live = live_weights(scope, sliders)
    return [_presets(scope), pruning, quantization, live, _budget(scope)], sliders


def preset_recipe(recipe: Recipe, preset: Recipe) -> Recipe:
    """A preset with the seed and retraining of the present recipe."""
    return replace(preset, retraining=recipe.retraining, seed=recipe.seed)


def _group(*widgets: ipywidgets.Widget) -> ipywidgets.Widget:
    group = ipywidgets.VBox(list(widgets))
    group.add_class("wb-group")
    return group


def _presets(scope: Scope) -> ipywidgets.Widget:
    session = scope.session
    buttons = {name: ipywidgets.Button() for name in PRESETS}
    for name, preset in PRESETS.items():
        buttons[name].on_click(
            lambda _, preset=preset: session.edit(preset_recipe(session.recipe, preset))
        )

    @scope.watch("lang")
    def translate() -> None:
        for name, button in buttons.items():
            button.description = scope.say(f"preset.{name}")
            button.tooltip = scope.help(f"preset.{name}")

    row = ipywidgets.HBox(list(buttons.values()))
    row.add_class("wb-presets")
    return _group(row, *_mistakes(scope))


def _mistakes(scope: Scope) -> list[ipywidgets.Widget]:
    """A choice of them, and what is wrong with the chosen one."""
    session = scope.session
    note = ipywidgets.HTML()
    note.add_class("wb-warn-note")

    def load(name: str) -> None:
        explain()
        if name:
            session.edit(preset_recipe(session.recipe, MISTAKES[name]))

    keys = {"screen.mistakes": ""} | {f"preset.{name}": name for name in MISTAKES}
    control = picker(scope, keys, load)
    scope.words(control.widget, tooltip="screen.mistakes.help")

    @scope.watch("lang")
    def explain() -> None:
        name = control.widget.value
        note.value = scope.help(f"preset.{name}") if name else ""

    @scope.watch("recipe", now=False)
    def forget() -> None:
        name = control.widget.value
        if name and session.recipe.compression != MISTAKES[name].compression:
            control.show("")
            explain()

    return [control.widget, note]


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

    _rescale(scope, control)

    @scope.watch("recipe")
    def follow() -> None:
        _show_threshold(control, session.recipe)

    @scope.derive("recipe", "before", basis=_pruned)
    def compute(snapshot: Snapshot) -> Callable[[], None]:
        threshold = _wide_threshold(snapshot.recipe) or threshold_of(snapshot) or 0.0

        def show() -> None:
            # Not under a hand that has gone on meanwhile.
            if session.recipe == snapshot.recipe:
                control.show(min(threshold, control.widget.max))

        return show

    return control


def _rescale(scope: Scope, control: Control) -> None:
    """Let the threshold's slider end at the largest weight."""

    @scope.derive("weights", basis=lambda snapshot: (snapshot.weights,))
    def compute(snapshot: Snapshot) -> Callable[[], None]:
        ends = [
            max(-float(values.min(initial=0)), float(values.max(initial=0)))
            for values in snapshot.weights.values()
        ]
        largest = max(ends, default=1.0) or 1.0

        def show() -> None:
            control.widget.max = largest
            control.widget.step = largest / 1000
            _show_threshold(control, scope.session.recipe)

        return show


def _show_threshold(control: Control, recipe: Recipe) -> None:
    threshold = _wide_threshold(recipe)
    if threshold is not None:
        control.show(min(threshold, control.widget.max))


def _wide_threshold(recipe: Recipe) -> float | None:
    threshold = (wide_knobs(recipe, "magnitude") or {}).get("threshold")
    return None if threshold is None else float(threshold)


def _pruned(snapshot: Snapshot) -> tuple[Any, ...]:
    return snapshot.recipe, snapshot.before and snapshot.before.network


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
            session.edit(_with_bits(recipe, step, bits), step)

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


def _with_bits(recipe: Recipe, step: str, bits: int) -> Recipe:
    """The recipe at a bit width, repaired where all of it is."""
    recipe = set_knobs(recipe, step, bits=bits)
    return set_repair(recipe, is_on=True) if _is_repaired(recipe) else recipe


def _repair(scope: Scope) -> ipywidgets.Widget:
    session = scope.session
    box = ipywidgets.Checkbox(indent=False)
    scope.words(box, description="screen.repair", tooltip="screen.repair.help")

    def moved(change: Any) -> None:
        if change["new"] != _is_repaired(session.recipe):
            session.edit(set_repair(session.recipe, is_on=change["new"]))

    box.observe(moved, "value")

    @scope.watch("recipe", "workload")
    def update() -> None:
        box.value = _is_repaired(session.recipe)
        box.disabled = session.workload is not None and not session.can_train

    return box


def _is_repaired(recipe: Recipe) -> bool:
    return wide_knobs(recipe, "reconstruct") is not None


def _calibration_note(scope: Scope) -> ipywidgets.Widget:
    note = ipywidgets.HTML()
    note.add_class("wb-note")

    @scope.watch("workload", "lang")
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
    control = described(scope, "screen.budget", Control(box, moved))

    @scope.watch("budget")
    def update() -> None:
        control.show((session.budget or 0) / KILOBYTE)

    return _group(control.widget)
