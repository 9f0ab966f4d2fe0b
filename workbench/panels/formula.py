"""The formulas behind the sliders, with the live numbers, as MathML."""

from __future__ import annotations

from html import escape
from math import isinf
from typing import TYPE_CHECKING

import ipywidgets
import numpy as np

from workbench.charts.weights import threshold_of
from workbench.core.affine import limits
from workbench.core.codes import Affine
from workbench.core.noise import sqnr

if TYPE_CHECKING:
    from workbench.core.tensor import CompressedTensor
    from workbench.panels.scope import Scope


def formula(scope: Scope) -> ipywidgets.Widget:
    """Pruning and quantization of the selected tensor, or of the first one."""
    text = ipywidgets.HTML()
    text.add_class("wb-math")

    @scope.watch("before", "selection")
    def update() -> None:
        text.value = _html(scope)

    return text


def _html(scope: Scope) -> str:
    snapshot = scope.session.snapshot()
    if snapshot.before is None or not snapshot.selected:
        return ""
    path = snapshot.selected[-1].path if snapshot.selection else snapshot.sites[0].path
    tensor = snapshot.before.network.tensors[path]
    threshold = threshold_of(snapshot, [path])
    parts = [f"<p>{escape(scope.say('screen.formula.of', path=path))}</p>"]
    parts.append(_pruning(threshold, tensor.sparsity))
    if isinstance(tensor.code, Affine):
        parts.append(_quantization(tensor.code))
        parts.append(f"<p>{escape(scope.say('screen.formula.zero'))}</p>")
    else:
        parts.append(f"<p>{escape(scope.say('screen.formula.float'))}</p>")
    parts.append(f"<p>{escape(_error(scope, path, tensor))}</p>")
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


def _error(scope: Scope, path: str, tensor: CompressedTensor) -> str:
    weights = scope.session.weights[path]
    ratio = sqnr([weights], [tensor.dense])
    if isinf(ratio):
        return scope.say("screen.formula.exact")
    largest = float(np.abs(tensor.dense - weights).max())
    return scope.say(
        "screen.formula.error", sqnr=f"{ratio:.1f}", largest=f"{largest:.4g}"
    )


def _equals(name: str, value: str) -> str:
    space = "<mspace width='1.5em'/>"
    return f"{space}<mi>{name}</mi><mo>=</mo><mtext>{escape(value)}</mtext>"


def _math(inner: str) -> str:
    return f"<math display='block'>{inner}</math>"
