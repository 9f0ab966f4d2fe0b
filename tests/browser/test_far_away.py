"""A kernel far away: the hand goes on, and the last answer is to its last move."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from workbench.bench.browser import DELAY_S, drag
from workbench.bench.far_away import relayed

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from workbench.bench.pages import Server

NUMBERS = ".wb-weights-numbers"
EXACT = "text=10,000 of 10,000 test samples"
# A drag has 120 moves; a busy machine draws some of them.
FEWEST_DRAWN = 12
COUNTED = f"""
() => {{
  window.__said = [];
  addEventListener("workbench:live", () => __said.push(
    document.querySelector("{NUMBERS}").textContent));
}}
"""


def percent(text: str | None) -> float:
    found = re.search(r"(\d+\.\d) ?%", text or "")
    assert found is not None, text
    return float(found.group(1))


def test_a_drag_from_far_away_is_followed_and_answered(
    page: Page, voila: Server
) -> None:
    port = urlsplit(voila.address).port
    assert port is not None
    with relayed(port) as relay:
        page.goto(voila.url(demo="lenet").replace(str(port), str(relay.port), 1))
        page.wait_for_selector(EXACT, timeout=90_000)
        page.wait_for_selector(".wb-weights[data-approximate=false]")
        page.evaluate(COUNTED)
        relay.delay_s = DELAY_S
        drag(page)
        said = page.evaluate("__said")
        page.wait_for_selector(".wb-weights[data-approximate=false]")
        page.wait_for_selector(".wb-verdict:not(.wb-stale)")
        page.wait_for_selector(EXACT)
        slider = page.locator(".wb-controls .wb-slider").first
        asked = percent(slider.locator(".widget-readout").text_content())
        answered = percent(page.locator(NUMBERS).text_content())
        relay.delay_s = 0.0
        page.goto("about:blank")
    # The page has drawn on the way, and never an earlier place after a later one.
    on_the_way = [percent(text) for text in said]
    assert len(set(on_the_way)) >= FEWEST_DRAWN
    assert on_the_way == sorted(on_the_way)
    assert 85 < asked < 91
    assert answered == pytest.approx(asked, abs=0.15)
