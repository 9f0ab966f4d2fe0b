"""Sizes under each encoding, SQNR of each tensor, MACs and BOPs."""

from __future__ import annotations

from html import escape
from math import isinf
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.core.noise import sqnr
from workbench.core.work import work
from workbench.panels import words
from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.core.activations import OutputSite
    from workbench.core.snapshot import Outcome, Snapshot
    from workbench.panels.scope import Scope


def measures(scope: Scope, seen: ipywidgets.ToggleButton) -> ipywidgets.Widget:
    """What the present setting takes, by every definition side by side."""
    text = ipywidgets.HTML()

    def basis(snapshot: Snapshot) -> tuple[Any, ...]:
        outcome = snapshot.result
        return scope.session.workload, outcome and outcome.network

    @scope.derive("before", "after", "workload", seen=seen, basis=basis)
    def compute(snapshot: Snapshot) -> Callable[[], None]:
        workload = scope.session.workload
        html = _html(snapshot, workload.outputs if workload else ())
        return lambda: text.set_trait("value", html)

    return text


def _html(snapshot: Snapshot, outputs: Sequence[OutputSite]) -> str:
    lang = snapshot.lang
    outcome = snapshot.result
    if outcome is None:
        return ""
    sizes = outcome.sizes
    rows = [
        (name, words.size(quantity.value), words.badge(quantity.provenance, lang))
        for name, quantity in (
            ("float32", sizes.float32),
            ("dense", sizes.dense),
            ("packed", sizes.packed),
            ("entropy", sizes.entropy),
        )
    ]
    done = work(snapshot.sites, outcome.network, outputs)
    rows += [
        (name, f"{quantity.value:,.0f}", words.badge(quantity.provenance, lang))
        for name, quantity in (
            ("macs", done.macs),
            ("kept_macs", done.kept_macs),
            ("bops", done.bops),
        )
    ]
    lines = "".join(
        f"<tr><td>{escape(say(f'screen.measure.{name}', lang))}</td>"
        f'<td class="wb-number">{value}</td><td>{badge}</td></tr>'
        for name, value, badge in rows
    )
    return f'<table class="wb-table">{lines}</table>{_noise(snapshot, outcome)}'


def _noise(snapshot: Snapshot, outcome: Outcome) -> str:
    """Signal to quantization-and-pruning noise of each tensor, in dB."""
    lines = ""
    for site in snapshot.sites:
        tensor = outcome.network.tensors[site.path]
        value = sqnr([snapshot.weights[site.path]], [tensor.dense])
        lines += (
            f"<tr><td>{escape(site.path)}</td>"
            f'<td class="wb-number">{"∞" if isinf(value) else f"{value:.1f} dB"}</td>'
            "</tr>"
        )
    heads = f"<th>{escape(say('screen.column.path', snapshot.lang))}</th><th>SQNR</th>"
    return f'<table class="wb-table"><tr>{heads}</tr>{lines}</table>'
