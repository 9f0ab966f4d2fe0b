"""The formulas behind the sliders, with the live numbers, as MathML."""

from __future__ import annotations

from html import escape
from math import isinf
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from workbench.charts.weights import threshold_of
from workbench.core.affine import limits
from workbench.core.codes import Affine, Gates
from workbench.core.gates import tensor_of, weights_of
from workbench.core.noise import sqnr
from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.core.snapshot import Snapshot
    from workbench.core.tensor import CompressedTensor, Site
    from workbench.panels.scope import Scope


def formula(scope: Scope, seen: ipywidgets.ToggleButton) -> ipywidgets.Widget:
    """Pruning and quantization of the selected tensor, or of the first one."""
    text = scope.make(ipywidgets.HTML, name="wb-math")

    def basis(snapshot: Snapshot) -> tuple[Any, ...]:
        return snapshot.before and snapshot.before.network, snapshot.selection

    @scope.derive("before", "selection", seen=seen, basis=basis)
    def compute(snapshot: Snapshot) -> Callable[[], None]:
        html = _html(snapshot)
        return lambda: text.set_trait("value", html)

    return text


def _html(snapshot: Snapshot) -> str:
    if snapshot.before is None or not snapshot.selected:
        return ""
    site = snapshot.selected[-1] if snapshot.selection else snapshot.sites[0]
    tensor = tensor_of(snapshot.before.network.tensors, site)
    lang = snapshot.lang
    parts = [f"<p>{escape(say('screen.formula.of', lang, path=site.path))}</p>"]
    if isinstance(tensor.code, Gates):
        parts.append(f"<p>{escape(say('gate.formula', lang, path=site.path))}</p>")
        return "".join([*parts, f"<p>{escape(_error(snapshot, site, tensor))}</p>"])
    threshold = threshold_of(snapshot, [site])
    parts.append(_pruning(threshold, tensor.sparsity))
    if isinstance(tensor.code, Affine):
        parts.append(_quantization(tensor.code))
        parts.append(f"<p>{escape(say('screen.formula.zero', lang))}</p>")
    else:
        parts.append(f"<p>{escape(say('screen.formula.float', lang))}</p>")
    parts.append(f"<p>{escape(_error(snapshot, site, tensor))}</p>")
    return "".join(parts)


def _pruning(threshold: float | None, sparsity: float) -> str:
    value = "" if threshold is None else _equals("T", f"{threshold:.4g}")
    return _math(
        "<msup><mi>w</mi><mo>′</mo></msup><mo>=</mo><mrow><mo>{</mo><mtable>"
        "<mtr><mtd><mn>0</mn></mtd><mtd><mo>|</mo><mi>w</mi><mo>|</mo><mo>&lt;</mo>"
        "<mi>T</mi></mtd></mtr><mtr><mtd><mi>w</mi></mtd><mtd><mo>|</mo><mi>w</mi>"
        "<mo>|</mo><mo>≥</mo><mi>T</mi></mtd></mtr></mtable></mrow>"
        f"{value}{_equals('s', f'{sparsity:.2%}')}"
    )


def _quantization(code: Affine) -> str:
    low, high = limits(code.bits, is_symmetric=code.is_symmetric)
    scale = code.scale
    zero = code.zero_point
    shown = f"{float(scale.min()):.4g}"
    if scale.size > 1:
        shown += f" … {float(scale.max()):.4g}"
    zeros = str(int(zero.min()))
    if not code.is_symmetric and zero.size > 1:
        zeros += f" … {int(zero.max())}"
    return _math(
        "<mi>q</mi><mo>=</mo><mi>clip</mi><mo>(</mo><mo>⌊</mo><mfrac><mi>w</mi>"
        "<mi>S</mi></mfrac><mo>⌉</mo><mo>+</mo><mi>Z</mi><mo>,</mo>"
        f"<mn>{low}</mn><mo>,</mo><mn>{high}</mn><mo>)</mo><mspace width='1em'/>"
        "<msup><mi>w</mi><mo>′</mo></msup><mo>=</mo><mi>S</mi><mo>(</mo><mi>q</mi>"
        "<mo>−</mo><mi>Z</mi><mo>)</mo>"
        f"{_equals('b', str(code.bits))}{_equals('S', shown)}{_equals('Z', zeros)}"
    )


def _error(snapshot: Snapshot, site: Site, tensor: CompressedTensor) -> str:
    weights, lang = weights_of(snapshot.weights, site), snapshot.lang
    ratio = sqnr([weights], [tensor.dense])
    if isinf(ratio):
        return say("screen.formula.exact", lang)
    largest = float(np.abs(tensor.dense - weights).max())
    return say(
        "screen.formula.error", lang, sqnr=f"{ratio:.1f}", largest=f"{largest:.4g}"
    )


def _equals(name: str, value: str) -> str:
    space = "<mspace width='1.5em'/>"
    return f"{space}<mi>{name}</mi><mo>=</mo><mtext>{escape(value)}</mtext>"


def _math(inner: str) -> str:
    return f"<div class='wb-scroll'><math display='block'>{inner}</math></div>"
