"""Retrain or cancel, with progress and time left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.core.errors import UserError
from workbench.core.knob import knobs
from workbench.core.recipe import Retraining
from workbench.panels.controls import Control, choice, number
from workbench.panels.scope import show_or_hide

if TYPE_CHECKING:
    from workbench.panels.scope import Scope


def retraining(scope: Scope) -> ipywidgets.Widget:
    """Knobs of a retraining, its button and its progress."""
    controls = {}
    for name, knob in knobs(Retraining).items():
        make = choice if knob.kind == "choice" else number
        controls[name] = make(scope, "retraining", name, knob, lambda _: None)
        controls[name].show(getattr(Retraining(), name))

    shown: Retraining | None = None

    @scope.watch("recipe")
    def take_over() -> None:
        # Another change of the recipe leaves what was typed here and not yet used.
        nonlocal shown
        wished = scope.session.recipe.retraining
        if wished is not None and wished != shown:
            for name, control in controls.items():
                control.show(getattr(wished, name))
        shown = wished

    @scope.watch("retrained", "recipe")
    def allow() -> None:
        has_earlier = scope.session.retrained is not None
        start = controls["start"]
        start.enable(is_enabled=has_earlier)
        show_or_hide(start.widget, is_shown=has_earlier)
        if not has_earlier:
            start.show("original")

    fields = [control.widget for control in controls.values()]
    parts = [_buttons(scope, controls), *_report(scope), *fields]
    return scope.make(ipywidgets.VBox, parts, name="wb-group")


def _buttons(scope: Scope, controls: dict[str, Control]) -> ipywidgets.Widget:
    session = scope.session
    start = scope.make(ipywidgets.Button, button_style="primary")
    stop = scope.make(ipywidgets.Button)
    scope.words(start, description="screen.retrain")
    scope.words(stop, description="screen.cancel")
    stop.on_click(lambda _: session.cancel())

    def go(_: Any) -> None:
        wish = {name: control.widget.value for name, control in controls.items()}
        try:
            session.retrain(Retraining(**wish))
        except UserError as error:
            session.fail(error)

    start.on_click(go)

    @scope.watch("workload", "is_retraining")
    def allow() -> None:
        start.disabled = session.is_retraining or not session.can_train
        stop.disabled = not session.is_retraining

    return scope.make(ipywidgets.HBox, [start, stop], name="wb-presets")


def _report(scope: Scope) -> list[ipywidgets.Widget]:
    """Progress, and why there is no retraining where there is none."""
    bar = scope.make(ipywidgets.FloatProgress, min=0, max=1, layout={"width": "auto"})
    words = scope.make(ipywidgets.HTML)
    note = scope.make(ipywidgets.HTML, name="wb-note")

    @scope.watch("progress", "lang")
    def report() -> None:
        bar.value, words.value = _progress(scope)
        for part in (bar, words):
            show_or_hide(part, is_shown=bool(scope.session.progress))

    @scope.watch("workload", "lang")
    def explain() -> None:
        is_off = scope.session.workload is not None and not scope.session.can_train
        note.value = scope.say("session.no_training_data") if is_off else ""

    return [bar, words, note]


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
