"""The doctor: each tensor, whether it can be treated, and if not, why."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.panels.html_table import html_table
from workbench.text import has, named, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.core.snapshot import Snapshot
    from workbench.core.tensor import Site
    from workbench.panels.scope import Scope

COLUMNS = ("path", "kind", "shape", "share", "macs", "can")
NUMBERS = (2, 3, 4)
NO_KERNEL = "doctor.no_kernel"


def doctor(scope: Scope, seen: ipywidgets.ToggleButton) -> ipywidgets.Widget:
    """A table over all kernels, and what the recipe skipped."""
    table = scope.make(ipywidgets.HTML)

    def basis(snapshot: Snapshot) -> tuple[Any, ...]:
        skipped = snapshot.before.network.skipped if snapshot.before else ()
        return scope.session.workload, snapshot.sites, *skipped

    @scope.derive("sites", "before", "workload", seen=seen, basis=basis)
    def compute(snapshot: Snapshot) -> Callable[[], None]:
        workload = scope.session.workload
        text = _html(snapshot, workload.tensors if workload else snapshot.sites)
        return lambda: table.set_trait("value", text)

    return table


def _html(snapshot: Snapshot, sites: Sequence[Site]) -> str:
    total = sum(site.parameters for site in sites)
    lang = snapshot.lang
    kernels = [site for site in sites if site.reason != NO_KERNEL]
    others = [site for site in sites if site.reason == NO_KERNEL]
    folded = ""
    if others:
        summary = escape(say("doctor.others", lang, count=len(others)))
        table = _table(lang, others, total)
        folded = f"<details><summary>{summary}</summary>{table}</details>"
    return f"{_table(lang, kernels, total)}{folded}{_skipped(snapshot)}"


def _table(lang: str, sites: Sequence[Site], total: int) -> str:
    titles = [say(f"screen.column.{name}", lang) for name in COLUMNS]
    rows = [_row(lang, site, total) for site in sites]
    return html_table(titles, rows, numbers=NUMBERS)


def _row(lang: str, site: Site, total: int) -> tuple[str, ...]:
    verdict = say("screen.can" if site.reason is None else site.reason, lang)
    if site.reason is not None and has(f"{site.reason}.advice"):
        verdict += f" ({say(f'{site.reason}.advice', lang)})"
    return (
        site.path,
        say(f"screen.kind.{site.kind}", lang),
        " × ".join(str(size) for size in site.shape),
        f"{site.parameters / max(total, 1):.1%}",
        "" if site.macs is None else f"{site.macs:,}",
        verdict,
    )


def _skipped(snapshot: Snapshot) -> str:
    outcome = snapshot.before
    if outcome is None or not outcome.network.skipped:
        return ""
    lines = "".join(
        f"<li>{escape(one.path)} ({escape(named(f'knob.{one.step}', snapshot.lang))}): "
        f"{escape(say(one.reason, snapshot.lang))}</li>"
        for one in outcome.network.skipped
    )
    return f'<ul class="wb-warn-note">{lines}</ul>'
