"""The left column: presets, threshold and sparsity, bits, budget, mistakes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import ipywidgets

from workbench.core.activations import ActivationQuantization
from workbench.core.edit import (
    is_repaired,
    set_bits,
    set_repair,
    switch_off,
    wide_knobs,
)
from workbench.core.knob import knobs
from workbench.core.presets import MISTAKES, PRESETS
from workbench.core.recipe import Recipe
from workbench.core.step import steps
from workbench.panels.break_even import break_even_note
from workbench.panels.controls import (
    FLOAT_BITS,
    LOOK,
    Control,
    bit_slider,
    described,
    picker,
)
from workbench.panels.live import live_weights
from workbench.panels.pruning import (
    pruning_scope,
    repair,
    sparsity_slider,
    threshold_slider,
)
from workbench.panels.scope import show_or_hide
from workbench.panels.wish import size_slider

if TYPE_CHECKING:
    from workbench.panels.scope import Scope

KILOBYTE = 1000


@dataclass(frozen=True)
class Settings:
    """The left column's controls.

    Attributes:
        groups: All of them, from the top.
        sliders: By name, for the phone's bottom bar.
        parts: What else has a name, by which an address may hide it.
    """

    groups: list[ipywidgets.Widget]
    sliders: dict[str, Control]
    parts: dict[str, ipywidgets.DOMWidget]


def settings(scope: Scope) -> Settings:
    """Controls for everything, made from the knobs."""
    sliders = {
        "sparsity": sparsity_slider(scope),
        "threshold": threshold_slider(scope),
        "bits": _bits(scope, "uniform"),
        "activation_bits": _bits(scope, "activations"),
    }
    pruning = _group(
        scope,
        sliders["sparsity"].widget,
        break_even_note(scope),
        sliders["threshold"].widget,
        pruning_scope(scope),
        repair(scope),
    )
    quantization = _group(
        scope,
        sliders["bits"].widget,
        sliders["activation_bits"].widget,
        _calibration_note(scope),
    )
    live = live_weights(scope, sliders)
    presets, budget = _presets(scope), _budget(scope)
    size = _group(scope, *size_slider(scope), budget)
    groups = [presets, pruning, quantization, live, size]
    return Settings(groups, sliders, {"presets": presets, "budget": budget})


def preset_recipe(recipe: Recipe, preset: Recipe) -> Recipe:
    """A preset with the seed, retraining and repair of the present recipe."""
    loaded = _loaded(recipe, preset)
    return set_repair(loaded, is_on=True) if is_repaired(recipe) else loaded


def _loaded(recipe: Recipe, named: Recipe) -> Recipe:
    return replace(named, retraining=recipe.retraining, seed=recipe.seed)


def _group(scope: Scope, *widgets: ipywidgets.Widget) -> ipywidgets.VBox:
    return scope.make(ipywidgets.VBox, list(widgets), name="wb-group")


def _presets(scope: Scope) -> ipywidgets.VBox:
    session = scope.session
    buttons = {name: scope.make(ipywidgets.Button) for name in PRESETS}
    for name, preset in PRESETS.items():
        buttons[name].on_click(
            lambda _, preset=preset: session.edit(preset_recipe(session.recipe, preset))
        )

    @scope.watch("lang")
    def translate() -> None:
        for name, button in buttons.items():
            button.description = scope.say(f"preset.{name}")
            button.tooltip = scope.help(f"preset.{name}")

    row = scope.make(ipywidgets.HBox, list(buttons.values()), name="wb-presets")
    return _group(scope, row, *_mistakes(scope))


def _mistakes(scope: Scope) -> list[ipywidgets.Widget]:
    """A choice of them, and what is wrong with the chosen one."""
    session = scope.session
    note = scope.make(ipywidgets.HTML, name="wb-warn-note")

    def load(name: str) -> None:
        explain()
        if name:
            # As it stands: a repair would hide what goes wrong.
            session.edit(_loaded(session.recipe, MISTAKES[name]))

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
        if name and session.recipe.plans != MISTAKES[name].plans:
            control.show("")
            explain()

    return [control.widget, note]


def _bits(scope: Scope, step: str) -> Control:
    session = scope.session
    owner = ActivationQuantization if step == "activations" else steps[step]

    def moved(bits: int) -> None:
        recipe = session.recipe
        if bits == FLOAT_BITS:
            session.edit(switch_off(recipe, step), step)
        else:
            session.edit(set_bits(recipe, step, bits), step)

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
    note = scope.make(ipywidgets.HTML, name="wb-note")

    @scope.watch("workload", "lang")
    def update() -> None:
        session = scope.session
        is_off = session.workload is not None and not session.can_train
        note.value = scope.say("session.no_calibration") if is_off else ""
        show_or_hide(note, is_shown=is_off)

    return note


def _budget(scope: Scope) -> ipywidgets.DOMWidget:
    session = scope.session

    def moved(kilobytes: float) -> None:
        session.set(budget=kilobytes * KILOBYTE or None)
        session.remember()

    box = scope.make(ipywidgets.BoundedFloatText, min=0, max=1e9, step=10, **LOOK)
    control = described(scope, "screen.budget", Control(box, moved))

    @scope.watch("budget")
    def update() -> None:
        control.show((session.budget or 0) / KILOBYTE)

    return control.widget
