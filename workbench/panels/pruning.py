"""What prunes, and what makes up for it: sparsity, threshold, scope, repair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.charts.weights import threshold_of
from workbench.core.edit import (
    default_knobs,
    is_repaired,
    set_knobs,
    set_repair,
    wide_knobs,
)
from workbench.core.knob import knobs
from workbench.core.step import steps
from workbench.panels.controls import LOOK, Control, choice, slider
from workbench.panels.scope import mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.core.recipe import Recipe
    from workbench.core.snapshot import Snapshot
    from workbench.panels.scope import Scope

MOST_SPARSITY = 0.99


def sparsity_slider(scope: Scope) -> Control:
    """The slider of the fraction of weights that become zero."""
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


def threshold_slider(scope: Scope) -> Control:
    """The slider of the magnitude below which weights become zero."""
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
        threshold = _wide_threshold(snapshot.recipe) or threshold_of(snapshot)
        pruned = snapshot.before.network.sparsity if snapshot.before else 0.0

        def show() -> None:
            # Not under a hand that has gone on meanwhile.
            if session.recipe == snapshot.recipe:
                control.show(min(threshold or 0.0, control.widget.max))
                is_various = threshold is None and pruned > 0
                mark(control.widget, "wb-various", is_on=is_various)

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


def pruning_scope(scope: Scope) -> ipywidgets.Widget:
    """The choice of what shares a sparsity."""
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


def repair(scope: Scope) -> ipywidgets.Widget:
    """The tick for repair without training."""
    session = scope.session

    def moved(is_on: bool) -> None:
        session.edit(set_repair(session.recipe, is_on=is_on))

    control = Control(scope.make(ipywidgets.Checkbox, indent=False, **LOOK), moved)
    scope.words(control.widget, description="screen.repair")
    scope.words(control.widget, tooltip="screen.repair.help")

    @scope.watch("recipe")
    def update() -> None:
        control.show(is_repaired(session.recipe))

    @scope.watch("workload")
    def allow() -> None:
        control.widget.disabled = session.workload is not None and not session.can_train

    return control.widget
