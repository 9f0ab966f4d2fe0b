"""The size slider: one wish over all tensors, and what was decided for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import ipywidgets

from workbench.core.readable import points, size
from workbench.core.wish import Wish
from workbench.panels.controls import LOOK, Control, described

if TYPE_CHECKING:
    from workbench.core.decision import Decision
    from workbench.panels.scope import Scope

OFF = 0
RATIOS = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 35, 40, 50, 60, 80, 100, 150, 200)


def size_slider(scope: Scope) -> list[ipywidgets.Widget]:
    """The slider, and a line that says what came of it."""
    session = scope.session

    def original() -> float:
        sizes = session.original_sizes
        return sizes.float32.value if sizes else 0.0

    def moved(ratio: int) -> None:
        recipe = session.recipe
        wish = None
        if ratio != OFF and original():
            bits = recipe.wish.bits if recipe.wish else ()
            wish = Wish(nbytes=round(original() / ratio), bits=bits)
        session.edit(replace(recipe, wish=wish), "size")

    def options() -> list[tuple[str, int]]:
        whole = original()
        named = [(f"{size(whole / ratio)} ({ratio}×)", ratio) for ratio in RATIOS]
        return [(scope.say("wish.off"), OFF), *named]

    widget = scope.make(
        ipywidgets.SelectionSlider,
        options=options(),
        value=OFF,
        name="wb-sizes wb-choices",
        **LOOK,
    )
    control = described(scope, "wish.slider", Control(widget, moved))
    scope.watch("lang", "sites", now=False)(lambda: control.relabel(options()))

    @scope.watch("recipe", "sites")
    def update() -> None:
        wish = session.recipe.wish
        nbytes = wish.nbytes if wish else None
        ratio = original() / nbytes if nbytes else OFF
        near = min(RATIOS, key=lambda known: abs(known - ratio))
        control.show(near if ratio else OFF)

    note = scope.make(ipywidgets.HTML, name="wb-note")

    @scope.watch("recipe", "before", "is_surveying", "lang")
    def explain() -> None:
        note.value = _said(scope)

    return [control.widget, note]


def _said(scope: Scope) -> str:
    """What was decided, predicted and measured; or what is waited for."""
    session = scope.session
    if session.recipe.wish is None:
        return ""
    if session.is_surveying:
        return scope.say("wish.waiting")
    decision, before = session.decision, session.before
    if decision is None or decision.recipe.plans != session.recipe.plans:
        return scope.say("wish.undecided") if session.database is None else ""
    words = [
        _size_of(scope, decision),
        scope.say("wish.predicted", error=f"{decision.error:.1%}"),
    ]
    if before is not None and before.recipe.plans == session.recipe.plans:
        measured = None if before.is_stale else before.measurement
        if measured is not None and measured.difference is not None:
            info = session.workload.metric.info
            gap = points(measured.difference, info, session.lang)
            words.append(scope.say("wish.measured", difference=gap))
    return " ".join(words)


def _size_of(scope: Scope, decision: Decision) -> str:
    """What was decided takes: estimated, coded, or more than was wished for."""
    wish = decision.recipe.wish
    wished = wish.nbytes if wish else None
    key = "coded" if decision.is_coded else "decided"
    if decision.is_coded and wished is not None and decision.nbytes > wished:
        key = "exceeds"
    return scope.say(f"wish.{key}", size=size(decision.nbytes))
