"""Sizes under each encoding, SQNR of each tensor, MACs and BOPs."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets
import numpy as np

from workbench.core.cost import work
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
        value = _sqnr(scope.session.weights[site.path], outcome, site.path)
        lines += (
            f"<tr><td>{escape(site.path)}</td>"
            f'<td class="wb-number">{"∞" if np.isinf(value) else f"{value:.1f} dB"}</td>'
            "</tr>"
        )
    return (
        f'<table class="wb-table"><tr><th>{escape(scope.say("screen.column.path"))}</th>'
        f"<th>SQNR</th></tr>{lines}</table>"
    )


def _sqnr(weights: np.ndarray, outcome: Outcome, path: str) -> float:
    signal = float(np.vdot(weights, weights))
    gap = outcome.network.tensors[path].dense - weights
    noise = float(np.vdot(gap, gap))
    return float("inf") if noise == 0 or signal == 0 else 10 * np.log10(signal / noise)
