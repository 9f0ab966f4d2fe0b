"""The doctor: each tensor, whether it can be treated, and if not, why."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets

from workbench.text import has

if TYPE_CHECKING:
    from workbench.core.tensor import Site
    from workbench.panels.scope import Scope

COLUMNS = ("path", "kind", "shape", "share", "macs", "can")


def doctor(scope: Scope) -> ipywidgets.Widget:
    """A table over all kernels, and what the recipe skipped."""
    table = ipywidgets.HTML()

    @scope.watch("sites", "before", "workload")
    def update() -> None:
        session = scope.session
        sites = session.workload.tensors if session.workload else session.sites
        total = sum(site.parameters for site in sites)
        rows = "".join(_row(scope, site, total) for site in sites)
        heads = "".join(
            f"<th>{escape(scope.say(f'screen.column.{name}'))}</th>" for name in COLUMNS
        )
        table.value = (
            f'<table class="wb-table"><tr>{heads}</tr>{rows}</table>{_skipped(scope)}'
        )

    return table


def _row(scope: Scope, site: Site, total: int) -> str:
    verdict = scope.say("screen.can" if site.reason is None else site.reason)
    if site.reason is not None and has(f"{site.reason}.advice"):
        verdict += f" ({scope.say(f'{site.reason}.advice')})"
    values = {
        "path": site.path,
        "kind": scope.say(f"screen.kind.{site.kind}"),
        "shape": " × ".join(str(size) for size in site.shape),
        "share": f"{site.parameters / max(total, 1):.1%}",
        "macs": "" if site.macs is None else f"{site.macs:,}",
        "can": verdict,
    }
    cells = "".join(
        f'<td data-label="{escape(scope.say(f"screen.column.{name}"))}">'
        f"{escape(values[name])}</td>"
        for name in COLUMNS
    )
    return f"<tr>{cells}</tr>"


def _skipped(scope: Scope) -> str:
    outcome = scope.session.before
    if outcome is None or not outcome.network.skipped:
        return ""
    lines = "".join(
        f"<li>{escape(one.path)} ({escape(scope.say(f'knob.{one.step}'))}): "
        f"{escape(scope.say(one.reason))}</li>"
        for one in outcome.network.skipped
    )
    return f'<ul class="wb-warn-note">{lines}</ul>'
