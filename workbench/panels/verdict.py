"""The verdict: how much smaller, how much worse, whether it fits."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets

from workbench.panels import words
from workbench.panels.scope import mark
from workbench.text import named

if TYPE_CHECKING:
    from workbench.core.snapshot import Outcome
    from workbench.panels.scope import Scope


def verdict(scope: Scope) -> ipywidgets.Widget:
    """One large sentence, dimmed while a newer one is being computed."""
    text = scope.make(ipywidgets.HTML)
    box = scope.make(ipywidgets.VBox, [text], name="wb-verdict")

    @scope.watch(
        *("before", "after", "recipe", "original", "budget", "workload"),
        *("is_opening", "lang"),
    )
    def update() -> None:
        session = scope.session
        snapshot = session.snapshot()
        outcome = session.result()
        text.value = _sentences(scope, outcome)
        is_stale = outcome is session.before and snapshot.is_stale
        mark(box, "wb-stale", is_on=is_stale)

    return box


def _sentences(scope: Scope, outcome: Outcome | None) -> str:
    session = scope.session
    if outcome is None:
        name = "opening" if session.is_opening else "unopened"
        return escape(scope.say(f"screen.verdict.{name}"))
    packed = outcome.sizes.packed
    measured = outcome.measurement
    metric = session.workload.metric.info if session.workload else None
    parts = [_size(scope, outcome)]
    if measured is not None and _is_untouched(scope, outcome):
        name = named(f"metric.{metric.name if metric else 'accuracy'}", session.lang)
        parts.append(f"{name} {words.score(measured.score, metric)}")
    elif measured is not None and measured.difference is not None:
        parts.append(words.points(measured.difference, metric, session.lang))
    elif session.workload is not None and session.workload.data.test is None:
        parts.append(scope.say("screen.verdict.no_test"))
    else:
        name = "measuring" if session.is_scored else "unmeasured"
        parts.append(scope.say(f"screen.verdict.{name}"))
    if session.budget:
        fits = packed.value <= session.budget
        key = "screen.verdict.fits" if fits else "screen.verdict.misses"
        parts.append(scope.say(key, budget=words.size(session.budget)))
    if outcome is session.after:
        parts.append(scope.say("screen.verdict.retrained"))
    line = escape(scope.say("screen.comma").join(parts))
    line += f" {words.badge(measured.provenance, session.lang)}" if measured else ""
    return f"<div>{line}</div>{_answers(scope, outcome)}"


def _is_untouched(scope: Scope, outcome: Outcome) -> bool:
    """Whether nothing was done to the model: there is no change to speak of."""
    return not outcome.recipe.plans and outcome is not scope.session.after


def _size(scope: Scope, outcome: Outcome) -> str:
    """How much smaller the model is, in either way of saying it."""
    packed = words.size(outcome.sizes.packed.value)
    if _is_untouched(scope, outcome):
        return scope.say("screen.verdict.untouched", size=packed)
    ratio = words.ratio(outcome.sizes.ratio)
    return scope.say("screen.verdict.size", ratio=ratio, size=packed)


def _answers(scope: Scope, outcome: Outcome) -> str:
    measured = outcome.measurement
    if measured is None:
        return ""
    parts = []
    wrong, right = measured.turned_wrong, measured.turned_right
    is_known = wrong is not None and right is not None
    if is_known and not _is_untouched(scope, outcome):
        parts.append(
            scope.say("screen.verdict.answers", wrong=f"{wrong:,}", right=f"{right:,}")
        )
    parts.append(
        scope.say(
            "screen.verdict.seen",
            seen=f"{measured.seen:,}",
            total=f"{measured.total:,}",
        )
    )
    return f"<small>{escape(' '.join(parts))}</small>"
