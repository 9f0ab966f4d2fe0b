"""The browser's arithmetic against NumPy's, and the widget under a moving slider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pytest

from workbench.core.affine import dequantize, grid_of, quantize
from workbench.core.bins import weight_bins
from workbench.frontend import module

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from playwright.sync_api import Page

    from tests.browser.support import Server

RUN = """
async ([source, bins, calls]) => {
  const m = await import("data:text/javascript;charset=utf-8," + source);
  const index = m.weightIndex({
    edges: Float32Array.from(bins.edges), counts: Uint32Array.from(bins.counts),
    first: Float32Array.from(bins.first), second: Float32Array.from(bins.second),
  });
  return calls.map(([threshold, bits, symmetric]) => {
    const grid = m.gridOf(index, bits, symmetric);
    let kept = 0;
    const add = (_, count) => (kept += count);
    const { zeros, noise } = m.compressed(index, threshold, grid, add);
    return {
      sparsity: zeros / index.size,
      decibel: m.decibel(index.signal, noise),
      total: (zeros + kept) / index.size,
      pruned: m.prunedBelow(index, threshold) / index.size,
      scale: grid ? grid.scale : 0,
      back: m.thresholdFor([index], m.prunedBelow(index, threshold) / index.size),
    };
  });
}
"""
# The bins' stated error: 0.02 points of sparsity, 0.05 dB.
SPARSITY = 2e-4
DECIBEL = 0.05


def in_browser(
    page: Page, weights: NDArray[np.float32], calls: list[tuple[float, int, bool]]
) -> list[dict[str, Any]]:
    bins = weight_bins(np.sort(weights))
    names = ("edges", "counts", "first", "second")
    parts = {name: getattr(bins, name).tolist() for name in names}
    source = quote(module("weight_index.js"))
    return page.evaluate(RUN, [source, parts, [list(call) for call in calls]])


def in_numpy(
    weights: NDArray[np.float32], threshold: float, bits: int, is_symmetric: bool
) -> tuple[float, float]:
    kept = np.where(np.abs(weights) < np.float32(threshold), np.float32(0), weights)
    grid = grid_of(weights, bits, is_symmetric=is_symmetric)
    now = dequantize(quantize(kept, grid), grid)
    noise = np.square((weights - now).astype(np.float64)).sum()
    signal = np.square(weights.astype(np.float64)).sum()
    return float((now == 0).mean()), float(10 * np.log10(signal / noise))


@pytest.mark.parametrize("shape", ["normal", "laplace", "skewed"])
def test_the_browser_counts_as_numpy_does(page: Page, shape: str) -> None:
    rng = np.random.default_rng(3)
    drawn = {
        "normal": rng.normal(0, 0.05, 60_000),
        "laplace": rng.laplace(0, 0.02, 60_000),
        "skewed": rng.gamma(2, 0.02, 60_000) - 0.02,
    }[shape].astype(np.float32)
    calls = [
        (threshold, bits, is_symmetric)
        for threshold in (0.0, 0.013, 0.05)
        for bits in (2, 4, 8, 16)
        for is_symmetric in (True, False)
    ]
    for call, got in zip(calls, in_browser(page, drawn, calls), strict=True):
        sparsity, decibel = in_numpy(drawn, *call)
        assert got["sparsity"] == pytest.approx(sparsity, abs=SPARSITY), call
        assert got["decibel"] == pytest.approx(decibel, abs=DECIBEL), call
        assert got["total"] == pytest.approx(1), call
        expected = (np.abs(drawn) < np.float32(call[0])).mean()
        assert got["pruned"] == pytest.approx(expected, abs=SPARSITY), call
        assert got["back"] == pytest.approx(call[0], rel=0.01, abs=1e-5), call


def test_the_widget_follows_the_hand_and_the_kernel_settles(
    page: Page, cases: Server
) -> None:
    page.goto(cases.url(case="weights"))
    page.wait_for_selector(".wb-weights[data-milliseconds] >> nth=1")
    own = page.locator(".wb-weights-numbers").nth(0)
    page.get_by_role("slider", name="Sparsity").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector("text=heard 0.01 32")
    assert "Sparsity ≈ 1.0 %" in own.inner_text()
    page.get_by_role("button", name="settle").click()
    page.wait_for_selector("text=Sparsity 50.0 % · SQNR 12.3 dB · T = 0.0100 · exact")
    page.get_by_role("slider", name="Sparsity").press("ArrowRight")
    page.wait_for_selector("text=Sparsity ≈ 1.1 %")
    # The page's slider is followed without a word from the kernel.
    page.locator(".noUi-handle").focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "() => /Sparsity ≈ 3[0-9]\\.\\d %/.test("
        "document.querySelectorAll('.wb-weights-numbers')[1].textContent)"
    )
