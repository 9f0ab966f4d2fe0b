"""The foundation in real Voilà and JupyterLab pages, with throwaway notebooks."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.support import open_notebook, write_notebook
from workbench.bench.pages import serving

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Route

    from tests.browser.support import Recorder
    from workbench.bench.pages import Server

CASES = Path(__file__).parent / "cases"
DRAWN = "n => document.querySelectorAll('.wb-figure[data-drawn]').length >= n"
Y_OF_FIRST = "() => Array.from(document.querySelector('.wb-figure-plot').data[0].y)"
MAX_BYTES = 500_000


def wait_drawn(page: Page, charts: int = 3) -> None:
    page.wait_for_function(DRAWN, arg=charts, timeout=60_000)


def context_of(page: Page) -> BrowserContext:
    return page.context


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found is not None
    return {name: found[name] for name in ("x", "y", "width", "height")}


def test_charts_share_one_plotly(page: Page, recorder: Recorder, cases: Server) -> None:
    page.goto(cases.url(case="charts"))
    wait_drawn(page)
    assert page.evaluate(Y_OF_FIRST) == [1, 3, 2, 4]
    assert sum(recorder.received) < MAX_BYTES
    assert sum("plotly" in url for url in recorder.requests) == 1
    assert page.evaluate("window.__workbenchPlotly.then(p => p === window.Plotly)")
    assert box(page, ".wb-figure >> nth=1")["height"] == 200


def test_a_kernel_redraws_a_chart_and_marks_it_stale(page: Page, cases: Server) -> None:
    page.goto(cases.url(case="charts"))
    wait_drawn(page)
    page.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"({Y_OF_FIRST})()[0] === 3")
    page.get_by_label("stale").check()
    page.wait_for_selector(".wb-figure.wb-stale .wb-figure-mark:text('being updated')")
    page.get_by_label("stale").uncheck()
    page.wait_for_selector(".wb-figure.wb-stale", state="detached")


def test_points_are_chosen_by_pointer_and_keyboard(page: Page, cases: Server) -> None:
    page.goto(cases.url(case="charts"))
    wait_drawn(page)
    plot = page.get_by_role("figure", name="chart 1")
    point = plot.locator(".point").nth(2).bounding_box()
    assert point is not None
    page.mouse.move(point["x"] + 4, point["y"] + 4)
    page.mouse.click(point["x"] + 6, point["y"] + 6)
    page.wait_for_selector("text=chose c")
    plot.focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector("text=chose b")
    assert page.locator(".wb-spoken").first.text_content() == "before: two"


def test_charts_follow_theme_and_width(page: Page, cases: Server) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(cases.url(case="charts", theme="light"))
    wait_drawn(page)
    colour = "() => getComputedStyle(document.querySelector('.wb-figure .point')).fill"
    assert page.evaluate(colour) == "rgb(176, 68, 12)"
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.wait_for_function(f"({colour})() === 'rgb(240, 147, 88)'")
    page.set_viewport_size({"width": 600, "height": 700})
    page.wait_for_function(
        "document.querySelector('.wb-figure .main-svg').clientWidth <= 600"
    )


def test_the_page_follows_the_system_and_speaks_the_language(
    page: Page, cases: Server
) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(cases.url(case="charts", lang="zh"), wait_until="commit")
    page.wait_for_selector("#loading_text:text('正在打开工作台')")
    assert page.title() == "模型压缩工作台"
    assert page.evaluate("document.documentElement.lang") == "zh"
    assert page.evaluate("document.body.dataset.jpThemeLight") == "false"
    wait_drawn(page)
    assert page.locator("#loading").count() == 0


def test_the_kernel_knows_and_changes_the_address(page: Page, cases: Server) -> None:
    context_of(page).grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(cases.url(case="address", gone="x", theme="dark") + "#part")
    page.wait_for_selector("text=first [('case', 'address'), ('gone', 'x'), ('theme'")
    page.wait_for_selector("text=now [('case', 'address'), ('gone', 'x'), ('theme'")
    page.wait_for_selector("text=theme dark")
    page.get_by_role("button", name="write").click()
    page.wait_for_selector("text=now [('case', 'address'), ('session', 's1'), ('theme'")
    assert page.url.endswith("/?case=address&theme=dark&session=s1#part")
    page.get_by_role("button", name="copy").click()
    page.wait_for_selector("text=link True")
    assert page.evaluate("navigator.clipboard.readText()") == "the text"
    with page.expect_download() as download:
        page.get_by_role("button", name="save").click()
    assert download.value.suggested_filename == "m.bin"
    assert Path(download.value.path()).read_bytes() == bytes(range(256))


def test_no_answer_is_lost_on_widgets_that_come_late(page: Page, cases: Server) -> None:
    def late(route: Route) -> None:
        response = route.fetch()
        if "LabelModel" in response.text():
            time.sleep(2)
        route.fulfill(response=response)

    page.route("**/@jupyter-widgets/jupyterlab-manager/static/*", late)
    page.goto(cases.url(case="address"))
    page.wait_for_selector("text=now [('case', 'address')]")


def test_nothing_scrolls_sideways(page: Page, cases: Server) -> None:
    page.goto(cases.url(case="layout", theme="light"))
    wait_drawn(page)
    for width in (1600, 1440, 1000, 999, 420):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            "document.querySelector('.wb-tradeoff .main-svg').clientWidth"
            " === document.querySelector('.wb-tradeoff .wb-figure').clientWidth"
        )
        assert page.evaluate("document.documentElement.scrollWidth") == width
        controls, plot = box(page, ".wb-controls"), box(page, ".wb-tradeoff")
        if width >= 1000:
            assert controls["width"] == 360
            assert plot["x"] > controls["x"] + 360
        else:
            assert controls["y"] > plot["y"] + plot["height"]
        if width == 1440:
            status = box(page, ".wb-status")
            assert status["y"] + status["height"] <= 900


def test_a_phone_keeps_verdict_and_slider_in_view(page: Page, cases: Server) -> None:
    page.set_viewport_size({"width": 420, "height": 800})
    page.goto(cases.url(case="layout", theme="light"))
    wait_drawn(page)
    for scrolled in (0, 600, 1200):
        page.evaluate(f"scrollTo(0, {scrolled})")
        verdict, bottom = box(page, ".wb-verdict"), box(page, ".wb-bottom")
        assert 0 <= verdict["y"] < 120
        assert bottom["y"] + bottom["height"] == pytest.approx(800, abs=1)
    assert page.locator(".wb-controls .wb-slider").first.is_hidden()
    cards = page.locator(".wb-table tbody tr")
    first = cards.first.bounding_box()
    assert first is not None
    assert first["height"] > 60
    page.get_by_role("button", name="doctor").click()
    page.wait_for_selector(".wb-drawer >> text=inside inside")


def test_lab_draws_and_keeps_its_own_address(
    page: Page, recorder: Recorder, lab: Server
) -> None:
    folder = lab.log.parent / "notebooks"
    charts = (CASES / "charts.py").read_text("utf-8")
    write_notebook(
        folder / "charts.ipynb",
        charts,
        "from workbench.panels.address import Address\n"
        "address = Address()\naddress.write(session='s1')",
        "widgets.Label('written')",
    )
    open_notebook(page, lab, "charts.ipynb")
    wait_drawn(page)
    page.wait_for_selector("text=written")
    assert "session=s1" not in page.url
    assert page.evaluate(Y_OF_FIRST) == [1, 3, 2, 4]
    assert sum(1 for size in recorder.received if size > 1_000_000) == 1
    assert page.evaluate("document.querySelectorAll('.wb-figure').length") == 3
    with page.expect_response(lambda got: got.request.method == "PUT"):
        page.keyboard.press("Control+s")
    page.reload()
    wait_drawn(page)
    assert page.evaluate(Y_OF_FIRST) == [1, 3, 2, 4]


def test_the_server_keeps_to_itself(page: Page, cases: Server) -> None:
    ask = page.request.get
    address = cases.address
    assert ask(address + "voila/files/cases.ipynb").status == 403
    assert ask(address, headers={"Host": "rebound.example"}).status == 403
    page.goto(cases.url(case="charts", theme='"><script>alert(1)</script>'))
    wait_drawn(page)
    assert re.fullmatch(
        "true|false", page.evaluate("document.body.dataset.jpThemeLight")
    )


def test_a_busy_port_gives_the_next_and_ctrl_c_ends_well(
    tmp_path: Path, cases: Server
) -> None:
    notebook = write_notebook(tmp_path / "n.ipynb", "1")
    taken = int(cases.address.rsplit(":", 1)[1].strip("/"))
    call = f"dashboard(port={taken}, notebook=Path({str(notebook)!r}))"
    with serving(call, tmp_path / "log") as server:
        port = int(server.address.rsplit(":", 1)[1].strip("/"))
        assert taken < port < taken + 100
        assert server.stop() == 0
