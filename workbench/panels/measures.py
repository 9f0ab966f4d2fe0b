"""Sizes under each encoding, SQNR of each tensor, MACs and BOPs."""

from __future__ import annotations

from html import escape
from math import isinf
from typing import TYPE_CHECKING

import ipywidgets

from workbench.core.cost import work
from workbench.core.noise import sqnr
from workbench.panels import words

if TYPE_CHECKING:
    from workbench.core.snapshot import Outcome
    from workbench.panels.scope import Scope


def measures(scope: Scope) -> ipywidgets.Widget:
    """What the present setting takes, by every definition side by side."""
    text = ipywidgets.HTML()

    @scope.watch("before", "after", "workload")
    def update() -> None:
        outcome = scope.session.result()
        text.value = "" if outcome is None else _html(scope, outcome)

    return text


def _html(scope: Scope, outcome: Outcome) -> str:
    lang = scope.session.lang
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
    outputs = scope.session.workload.outputs if scope.session.workload else ()
    done = work(scope.session.sites, outcome.network, outputs)
    rows += [
        (name, f"{quantity.value:,.0f}", words.badge(quantity.provenance, lang))
        for name, quantity in (
            ("macs", done.macs),
            ("kept_macs", done.kept_macs),
            ("bops", done.bops),
        )
    ]
    lines = "".join(
        f"<tr><td>{escape(scope.say(f'screen.measure.{name}'))}</td>"
        f'<td class="wb-number">{value}</td><td>{badge}</td></tr>'
        for name, value, badge in rows
    )
    return f'<table class="wb-table">{lines}</table>{_noise(scope, outcome)}'


def _noise(scope: Scope, outcome: Outcome) -> str:
    """Signal to quantization-and-pruning noise of each tensor, in dB."""
    lines = ""
    for site in scope.session.sites:
        tensor = outcome.network.tensors[site.path]
        value = sqnr([scope.session.weights[site.path]], [tensor.dense])
        lines += (
            f"<tr><td>{escape(site.path)}</td>"
            f'<td class="wb-number">{"∞" if isinf(value) else f"{value:.1f} dB"}</td>'
            "</tr>"
        )
    heads = f"<th>{escape(scope.say('screen.column.path'))}</th><th>SQNR</th>"
    return f'<table class="wb-table"><tr>{heads}</tr>{lines}</table>'
