"""The doctor: each tensor, whether it can be treated, and if not, why."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.text import has, named, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.core.snapshot import Snapshot
    from workbench.core.tensor import Site
    from workbench.panels.scope import Scope

COLUMNS = ("path", "kind", "shape", "share", "macs", "can")


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
    rows = "".join(_row(snapshot.lang, site, total) for site in sites)
    heads = "".join(
        f"<th>{escape(say(f'screen.column.{name}', snapshot.lang))}</th>"
        for name in COLUMNS
    )
    return f'<table class="wb-table"><tr>{heads}</tr>{rows}</table>{_skipped(snapshot)}'


def _row(lang: str, site: Site, total: int) -> str:
    verdict = say("screen.can" if site.reason is None else site.reason, lang)
    if site.reason is not None and has(f"{site.reason}.advice"):
        verdict += f" ({say(f'{site.reason}.advice', lang)})"
    values = {
        "path": site.path,
        "kind": say(f"screen.kind.{site.kind}", lang),
        "shape": " × ".join(str(size) for size in site.shape),
        "share": f"{site.parameters / max(total, 1):.1%}",
        "macs": "" if site.macs is None else f"{site.macs:,}",
        "can": verdict,
    }
    cells = "".join(
        f'<td data-label="{escape(say(f"screen.column.{name}", lang))}">'
        f"{escape(values[name])}</td>"
        for name in COLUMNS
    )
    return f"<tr>{cells}</tr>"


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
