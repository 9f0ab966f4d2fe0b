"""Every method that has no control elsewhere: a tick, and its knobs while it is on."""

from __future__ import annotations

import math
from collections import defaultdict
from html import escape
from typing import TYPE_CHECKING

import ipywidgets

from workbench.core.edit import (
    EVERYTHING,
    knobs_for,
    leave_out,
    set_knobs,
    switch_on,
    wide_knobs,
)
from workbench.core.errors import UserError
from workbench.core.gates import whole_of
from workbench.core.knob import knobs
from workbench.core.step import steps
from workbench.panels.controls import (
    LOOK,
    Control,
    choice,
    described,
    number,
    slider,
)
from workbench.panels.scope import show_or_hide

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.core.knob import Knob, Value
    from workbench.core.recipe import Recipe
    from workbench.panels.scope import Scope

# What has controls in the left column, or is the mistake of a preset.
ELSEWHERE = frozenset(("magnitude", "uniform", "reconstruct", "step_of_bits"))


def methods(scope: Scope) -> ipywidgets.Widget:
    """A group for each method, third parties' too, and for which tensors they are."""
    note = scope.make(ipywidgets.HTML, name="wb-note")

    @scope.watch("selection", "lang")
    def tell() -> None:
        paths = ", ".join(map(escape, scope.session.selection))
        key = "method.selected" if paths else "method.all"
        note.value = scope.say(key, paths=paths)

    groups = [_method(scope, step) for step in steps if step not in ELSEWHERE]
    grid = scope.make(ipywidgets.Box, groups, name="wb-methods")
    return scope.make(ipywidgets.VBox, [note, grid])


def _method(scope: Scope, step: str) -> ipywidgets.Widget:
    """The tick of a method, its knobs, and what it does not treat."""
    tick = Control(
        scope.make(ipywidgets.Checkbox, indent=False, **LOOK),
        lambda is_on: _edit(scope, step, switch_on if is_on else leave_out),
    )
    described(scope, f"knob.{step}", tick)
    controls = {
        name: _control(scope, step, name, knob)
        for name, knob in knobs(steps[step]).items()
        if not knob.optional
    }
    below = scope.make(
        ipywidgets.VBox, [control.widget for control in controls.values()]
    )
    note = _skipped(scope, step)
    group = scope.make(ipywidgets.VBox, [tick.widget, below, note], name="wb-group")

    @scope.watch("recipe", "selection")
    def follow() -> None:
        values = _asked(scope, step)
        tick.show(values is not None)
        for part in (below, note):
            show_or_hide(part, is_shown=values is not None)
        for name, control in controls.items():
            if values is not None:
                control.show(values[name])

    return group


def _control(scope: Scope, step: str, name: str, knob: Knob) -> Control:
    """What sets a knob: a slider for a share, a choice, or a number to type."""

    def moved(value: Value) -> None:
        def change(recipe: Recipe, step: str, target: str) -> Recipe:
            return set_knobs(recipe, step, target, **{name: value})

        _edit(scope, step, change, gesture=f"{step} {name}")

    make = number
    if knob.kind in ("bool", "choice"):
        make = choice
    elif knob.kind == "float" and knob.scale == "linear" and _is_bounded(knob):
        make = slider
    return make(scope, step, name, knob, moved)


def _is_bounded(knob: Knob) -> bool:
    return math.isfinite(knob.low) and math.isfinite(knob.high)


def _edit(
    scope: Scope,
    step: str,
    change: Callable[[Recipe, str, str], Recipe],
    gesture: str = "",
) -> None:
    """Change the recipe for the selected tensors, or for everything."""
    session = scope.session
    recipe = session.recipe
    for target in session.selection or (EVERYTHING,):
        recipe = change(recipe, step, target)
    session.edit(recipe, gesture)


def _asked(scope: Scope, step: str) -> dict[str, Value] | None:
    """The knobs of a step for the last of the selected tensors, or for everything."""
    session = scope.session
    if not session.selection:
        return wide_knobs(session.recipe, step)
    try:
        return knobs_for(session.recipe, step, session.selection[-1])
    except UserError:
        # A recipe that cannot be run; the status line says why.
        return None


def _skipped(scope: Scope, step: str) -> ipywidgets.HTML:
    """How many tensors a method does not treat, and why; which, in the tooltip."""
    note = scope.make(ipywidgets.HTML, name="wb-warn-note")

    @scope.watch("before", "selection", "lang")
    def tell() -> None:
        session = scope.session
        network = session.before and session.before.network
        chosen = session.selection or tuple(network.tensors if network else ())
        reasons: defaultdict[str, list[str]] = defaultdict(list)
        for one in network.skipped if network else ():
            path = whole_of(one.path, chosen)
            if one.step == step and path in chosen and path not in reasons[one.reason]:
                reasons[one.reason].append(path)
        note.value = "".join(
            _line(scope, reason, paths, len(chosen))
            for reason, paths in reasons.items()
            if paths
        )

    return note


def _line(scope: Scope, reason: str, paths: list[str], total: int) -> str:
    words = scope.say(
        "method.skipped", count=len(paths), total=total, reason=scope.name(reason)
    )
    return f'<div title="{escape(", ".join(paths))}">{escape(words)}</div>'
