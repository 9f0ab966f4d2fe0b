"""The verdict: how much smaller, how much worse, whether it fits."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets

from workbench.panels import words

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
        (box.add_class if is_stale else box.remove_class)("wb-stale")

    return box


def _sentences(scope: Scope, outcome: Outcome | None) -> str:
    session = scope.session
    if outcome is None:
        name = "opening" if session.is_opening else "unopened"
        return escape(scope.say(f"screen.verdict.{name}"))
    packed = outcome.sizes.packed
    ratio = outcome.sizes.ratio
    parts = [
        scope.say(
            "screen.verdict.size", ratio=f"{ratio:.3g}", size=words.size(packed.value)
        )
    ]
    measured = outcome.measurement
    if measured is not None and measured.difference is not None:
        metric = session.workload.metric.info if session.workload else None
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


def _answers(scope: Scope, outcome: Outcome) -> str:
    measured = outcome.measurement
    if measured is None:
        return ""
    parts = []
    if measured.turned_wrong is not None and measured.turned_right is not None:
        parts.append(
            scope.say(
                "screen.verdict.answers",
                wrong=f"{measured.turned_wrong:,}",
                right=f"{measured.turned_right:,}",
            )
        )
    parts.append(
        scope.say(
            "screen.verdict.seen",
            seen=f"{measured.seen:,}",
            total=f"{measured.total:,}",
        )
    )
    return f"<small>{escape(' '.join(parts))}</small>"
