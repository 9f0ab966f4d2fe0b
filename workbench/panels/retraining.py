"""Retrain or cancel, with progress and time left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.core.errors import UserError
from workbench.core.knob import knobs
from workbench.core.recipe import Retraining
from workbench.panels.controls import choice, number

if TYPE_CHECKING:
    from workbench.panels.scope import Scope


def retraining(scope: Scope) -> ipywidgets.Widget:
    """Knobs of a retraining, its button and its progress."""
    session = scope.session
    controls = {}
    for name, knob in knobs(Retraining).items():
        make = choice if knob.kind == "choice" else number
        controls[name] = make(scope, "retraining", name, knob, lambda _: None)
        controls[name].widget.value = getattr(Retraining(), name)
    start, stop = _buttons(scope)
    bar = ipywidgets.FloatProgress(min=0, max=1, layout={"width": "auto"})
    words = ipywidgets.HTML()
    note = ipywidgets.HTML()
    note.add_class("wb-note")

    def go(_: Any) -> None:
        wish = Retraining(**{name: c.widget.value for name, c in controls.items()})
        try:
            session.retrain(wish)
        except UserError as error:
            session.fail(error)

    start.on_click(go)

    @scope.watch("recipe")
    def take_over() -> None:
        if session.recipe.retraining is not None:
            for name, control in controls.items():
                control.show(getattr(session.recipe.retraining, name))

    @scope.watch("workload", "is_retraining", "retrained")
    def allow() -> None:
        start.disabled = session.is_retraining or not session.can_train
        stop.disabled = not session.is_retraining
        controls["start"].enable(is_enabled=session.retrained is not None)
        is_off = session.workload is not None and not session.can_train
        note.value = scope.say("session.no_training_data") if is_off else ""

    @scope.watch("progress")
    def report() -> None:
        bar.value, words.value = _progress(scope)

    row = ipywidgets.HBox([start, stop])
    row.add_class("wb-presets")
    fields = [control.widget for control in controls.values()]
    group = ipywidgets.VBox([row, bar, words, note, *fields])
    group.add_class("wb-group")
    return group


def _buttons(scope: Scope) -> tuple[ipywidgets.Button, ipywidgets.Button]:
    start = ipywidgets.Button(
        description=scope.say("screen.retrain"), button_style="primary"
    )
    stop = ipywidgets.Button(description=scope.say("screen.cancel"))
    stop.on_click(lambda _: scope.session.cancel())
    return start, stop


def _progress(scope: Scope) -> tuple[float, str]:
    """Fraction done, and the words beside it."""
    if not scope.session.progress:
        return 0.0, ""
    now = scope.session.progress[-1]
    done = (now.epoch - 1 + now.step / max(now.steps, 1)) / max(now.epochs, 1)
    key = "screen.progress.done" if now.is_last else "screen.progress"
    words = scope.say(
        key,
        epoch=now.epoch,
        epochs=now.epochs,
        loss=f"{now.loss:.3f}",
        score=f"{now.score:.2%}" if _is_fraction(scope) else f"{now.score:.4g}",
        left=f"{now.seconds_left:.0f}",
        seconds=f"{now.seconds:.0f}",
    )
    return 1.0 if now.is_last else done, words


def _is_fraction(scope: Scope) -> bool:
    workload = scope.session.workload
    return workload is None or workload.metric.info.is_accuracy
