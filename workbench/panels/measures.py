"""Sizes under each encoding, SQNR of each tensor, MACs and BOPs."""

from __future__ import annotations

from html import escape
from math import isinf
from typing import TYPE_CHECKING, Any

import ipywidgets

from workbench.core.coded import coded_bytes
from workbench.core.noise import sqnr
from workbench.core.work import work
from workbench.export.wbz import predicted
from workbench.panels import words
from workbench.panels.html_table import html_table
from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.core.quantity import Quantity
    from workbench.core.snapshot import Outcome, Snapshot
    from workbench.engine.workload import Workload
    from workbench.panels.scope import Scope


_COLUMNS = (
    "screen.column.path",
    "size.column.dense",
    "size.column.packed",
    "size.column.coded",
    "live.sqnr",
)


def measures(scope: Scope, seen: ipywidgets.ToggleButton) -> ipywidgets.Widget:
    """What the present setting takes, by every definition side by side."""
    text = scope.make(ipywidgets.HTML)

    def basis(snapshot: Snapshot) -> tuple[Any, ...]:
        outcome = snapshot.result
        saved = scope.session.saved
        return scope.session.workload, outcome and outcome.network, saved

    @scope.derive("before", "after", "workload", "saved", seen=seen, basis=basis)
    def compute(snapshot: Snapshot) -> Callable[[], None]:
        workload = scope.session.workload
        html = _html(snapshot, workload, _written(scope, snapshot))
        return lambda: text.set_trait("value", html)

    return text


def _written(scope: Scope, snapshot: Snapshot) -> Quantity | None:
    """Bytes of the compressed file, where the present result was saved as one."""
    saved, result = scope.session.saved, snapshot.result
    if saved is None or result is None or saved.network != result.network.digest:
        return None
    return next((one.bytes for one in saved.artifacts if one.format == "wbz"), None)


def _html(
    snapshot: Snapshot, workload: Workload | None, written: Quantity | None
) -> str:
    lang = snapshot.lang
    outcome = snapshot.result
    if outcome is None:
        return ""
    sizes = outcome.sizes
    original = snapshot.original_sizes or sizes
    quantities = [
        ("screen.measure.float32", sizes.float32),
        ("screen.measure.dense", sizes.dense),
        ("screen.measure.packed", sizes.packed),
    ]
    if workload is not None:
        quantities.append(("size.coded", predicted(workload, outcome.network)))
    if written is not None:
        quantities.append(("size.written", written))
    rows = [
        (
            key,
            f"{words.size(quantity.value)} "
            f"({words.ratio(original.float32.value / max(quantity.value, 1))}×)",
            words.badge(quantity.provenance, lang),
        )
        for key, quantity in quantities
    ]
    outputs = workload.outputs if workload else ()
    done = work(snapshot.sites, outcome.network, outputs)
    rows += [
        (key, f"{quantity.value:,.0f}", words.badge(quantity.provenance, lang))
        for key, quantity in (
            ("screen.measure.macs", done.macs),
            ("screen.measure.kept_macs", done.kept_macs),
            ("screen.measure.bops", done.bops),
        )
    ]
    lines = "".join(
        f"<tr><td>{escape(say(key, lang))}</td>"
        f'<td class="wb-number">{value} {badge}</td></tr>'
        for key, value, badge in rows
    )
    whole = f'<table class="wb-table wb-pairs">{lines}</table>'
    return f"{whole}{_tensors(snapshot, outcome)}"


def _tensors(snapshot: Snapshot, outcome: Outcome) -> str:
    """Each tensor's bytes by definition, and its signal to noise in dB."""
    lang = snapshot.lang
    rows: list[tuple[str, ...]] = []
    for site in snapshot.sites:
        tensor = outcome.network.tensors[site.path]
        sizes = outcome.sizes.tensors[site.path]
        value = sqnr([snapshot.weights[site.path]], [tensor.dense])
        encoding = say(f"size.encoding.{sizes.encoding}", lang)
        cells = (
            site.path,
            f"{sizes.dense:,}",
            f"{sizes.packed:,} ({encoding})",
            f"{coded_bytes(tensor):,}",
            "∞ dB" if isinf(value) else f"{value:.1f} dB",
        )
        rows.append(cells)
    titles = [say(name, lang) for name in _COLUMNS]
    return (
        f"{html_table(titles, rows, numbers=range(1, len(titles)))}"
        f'<p class="wb-note">{escape(say("size.ratios", lang))}</p>'
    )
