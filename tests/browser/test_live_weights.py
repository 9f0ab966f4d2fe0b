"""The browser's arithmetic against NumPy's, and the widget under a moving slider."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pytest

from workbench.core.affine import dequantize, grid_of, quantize
from workbench.core.bins import tensor_bins
from workbench.frontend import module
from workbench.panels.live_weights import LiveWeights

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from playwright.sync_api import Page

    from workbench.bench.pages import Server

RUN = """
async ([source, sent, thresholds, wishes]) => {
  const m = await import("data:text/javascript;charset=utf-8," + source);
  for (const name of ["edges", "counts", "first", "second"]) {
    const bytes = Uint8Array.from(atob(sent[name]), (letter) => letter.charCodeAt(0));
    sent[name] = new DataView(bytes.buffer);
  }
  const tensors = [m.tensorOf(sent)];
  const [{ size }] = tensors;
  const search = m.rangeSearch(tensors);
  const edges = m.barEdges(tensors);
  const run = (threshold, wish) =>
    m.estimate(tensors, [threshold], wish, new Set(["t"]), edges);
  const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);
  return thresholds.flatMap((threshold) => wishes.map((wish) => {
    search([threshold], wish, Infinity);
    const result = run(threshold, wish);
    const { sparsity } = m.together(run(threshold, { bits: 32 }).tensors);
    const back = (scope) =>
      m.thresholdsFor(tensors, { by: "sparsity", scope, sparsity });
    return {
      ...m.together(result.tensors),
      total: (result.tensors[0].zeros + sum(result.left)) / size,
      pruned: sparsity,
      back: ["tensor", "global", "lamp"].flatMap(back),
    };
  }));
}
"""
# The bins' stated errors, points of sparsity and dB: of pruning alone, and by range and
# symmetry of the grid. The best range is looked for in groups of channels.
PRUNED = 0.3
ERRORS = {
    ("minmax", True): (0.3, 0.2),
    ("minmax", False): (1.2, 0.2),
    ("mse", True): (4.0, 0.6),
    ("mse", False): (4.0, 1.5),
}
THRESHOLDS = (0.0, 0.02, 0.06)


def drawn(shape: str) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Weights whose channels have ranges of their own, and the channels' axes."""
    rng = np.random.default_rng(3)
    if shape == "flat":
        return rng.laplace(0, 0.02, 60_000).astype(np.float32), ()
    size, axes, spread = {
        "dense": ((200, 300), (1,), 0.4),
        "convolution": ((3, 3, 32, 64), (3,), 0.8),
        "embedding": ((2000, 32), (0,), 0.5),
        "depthwise": ((3, 3, 48, 1), (2, 3), 1.0),
        "skewed": ((200, 300), (1,), 0.4),
    }[shape]
    ranges = np.exp(
        rng.normal(0, spread, [n if a in axes else 1 for a, n in enumerate(size)])
    )
    normal = rng.normal(0, 0.03, size)
    values = rng.gamma(2, 0.02, size) - 0.02 if shape == "skewed" else normal
    return (values * ranges).astype(np.float32), axes


def in_browser(
    page: Page,
    weights: NDArray[np.float32],
    axes: tuple[int, ...],
    wishes: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """The estimates of a page, for each threshold and each wish."""
    widget = LiveWeights({"t": tensor_bins(weights, axes)})
    [sent] = widget.tensors
    widget.close()
    texts = {
        name: b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in sent.items()
    }
    source = module("weight_estimate.js") + "\nexport { rangeSearch, tensorOf };"
    return page.evaluate(RUN, [quote(source), texts, list(THRESHOLDS), wishes])


def in_numpy(
    weights: NDArray[np.float32],
    axes: tuple[int, ...],
    threshold: float,
    wish: dict[str, Any],
) -> tuple[float, float]:
    """Sparsity and SQNR of the kernel's own arithmetic."""
    kept = np.where(np.abs(weights) < np.float32(threshold), np.float32(0), weights)
    grid = grid_of(
        kept,
        wish["bits"],
        is_symmetric=wish["symmetric"],
        channel_axes=axes if wish["granularity"] == "channel" else (),
        choice=wish["range"],
    )
    now = dequantize(quantize(kept, grid), grid)
    noise = np.square((weights - now).astype(np.float64)).sum()
    signal = np.square(weights.astype(np.float64)).sum()
    return float((now == 0).mean()), float(10 * np.log10(signal / noise))


SHAPES = ("flat", "dense", "convolution", "embedding", "depthwise", "skewed")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("limits", ["minmax", "mse"])
def test_the_browser_counts_as_numpy_does(page: Page, shape: str, limits: str) -> None:
    weights, axes = drawn(shape)
    wishes = [
        {"bits": bits, "symmetric": symmetric, "granularity": what, "range": limits}
        for bits in (2, 3, 4, 8)
        for symmetric in (True, False)
        for what in ("channel", "tensor")
    ]
    calls = [(threshold, wish) for threshold in THRESHOLDS for wish in wishes]
    found = in_browser(page, weights, axes, wishes)
    for (threshold, wish), got in zip(calls, found, strict=True):
        call = (threshold, wish)
        points, decibel = ERRORS[limits, wish["symmetric"]]
        sparsity, ratio = in_numpy(weights, axes, threshold, wish)
        assert 100 * got["sparsity"] == pytest.approx(100 * sparsity, abs=points), call
        assert got["sqnr"] == pytest.approx(ratio, abs=decibel), call
        assert got["total"] == pytest.approx(1), call
        pruned = float((np.abs(weights) < np.float32(threshold)).mean())
        assert 100 * got["pruned"] == pytest.approx(100 * pruned, abs=PRUNED), call
        for back in got["back"]:
            assert back == pytest.approx(threshold, rel=0.01, abs=1e-4), call


@pytest.mark.parametrize("axes", [(), (0,), (1,)])
@pytest.mark.parametrize("limits", ["minmax", "mse"])
def test_few_weights_are_counted_exactly(
    page: Page, axes: tuple[int, ...], limits: str
) -> None:
    rng = np.random.default_rng(5)
    weights = rng.normal(0, 0.05, (40, 30)).astype(np.float32)
    weights[:, 3] = 0
    weights[7] = weights[8]
    wishes = [
        {"bits": bits, "symmetric": True, "granularity": "channel", "range": limits}
        for bits in (2, 4, 8)
    ]
    found = in_browser(page, weights, axes, wishes)
    calls = [(threshold, wish) for threshold in THRESHOLDS for wish in wishes]
    for (threshold, wish), got in zip(calls, found, strict=True):
        sparsity, ratio = in_numpy(weights, axes, threshold, wish)
        slack = 1e-9 if limits == "minmax" else 0.02
        assert got["sparsity"] == pytest.approx(sparsity, abs=slack), wish
        assert got["sqnr"] == pytest.approx(ratio, abs=1e-3 + 10 * slack), wish


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
    assert "Sparsity ≈ 1.0%" in own.inner_text()
    page.get_by_role("button", name="settle").click()
    page.wait_for_selector("text=Sparsity 50.0% · SQNR 12.3 dB · T = 0.0100 · exact")
    page.get_by_role("slider", name="Sparsity").press("ArrowRight")
    page.wait_for_selector("text=Sparsity ≈ 1.1%")
    # The page's slider is followed without a word from the kernel.
    page.locator(".noUi-handle").focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "() => /Sparsity ≈ 3[0-9]\\.\\d%/.test("
        "document.querySelectorAll('.wb-weights-numbers')[1].textContent)"
    )
