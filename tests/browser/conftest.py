"""One browser and three servers for all browser tests, gone after the last."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.support import Recorder, write_notebook
from workbench.bench.pages import free_port, launch, serving
from workbench.serve import notebooks

CASES = Path(__file__).parent / "cases"

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from workbench.bench.pages import Server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder drive a browser."""
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless Chromium, closed after the last test of this folder.

    An event loop is running while it is open; a session that finds one works on its
    lanes instead of inline.
    """
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@pytest.fixture
def recorder() -> Recorder:
    """What `page` asked for and complained of."""
    return Recorder()


@pytest.fixture
def page(browser: Browser, recorder: Recorder) -> Iterator[Page]:
    """A fresh page; afterwards nothing has left the machine and nothing failed."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    opened = context.new_page()
    recorder.watch(opened)
    yield opened
    context.close()
    assert recorder.foreign == []
    assert recorder.errors == []


@pytest.fixture(scope="package")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Voilà on a notebook that runs the case which the address names."""
    folder = tmp_path_factory.mktemp("cases")
    notebook = write_notebook(
        folder / "cases.ipynb",
        "from pathlib import Path\n"
        "from workbench.panels.address import initial_query\n"
        f"case = Path({str(CASES)!r}, initial_query()['case'] + '.py')\n"
        "exec(case.read_text())",
    )
    call = f"dashboard(port={free_port()}, notebook=Path({str(notebook)!r}))"
    with serving(call, folder / "voila.log") as server:
        yield server


@pytest.fixture(scope="package")
def voila(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The dashboard as `workbench dashboard` serves it, with a home of its own."""
    home = tmp_path_factory.mktemp("home")
    call = f"dashboard(port={free_port()}, environment={_home(home)})"
    with serving(call, home / "voila.log") as server:
        yield server


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab on a copy of the lessons; its folder is ``server.log.parent``."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    if notebooks().is_dir():
        shutil.copytree(notebooks(), folder)
    folder.mkdir(exist_ok=True)
    call = f"lab(Path({str(folder)!r}), port={free_port()}, environment={_home(home)})"
    own = {"JUPYTERLAB_SETTINGS_DIR": str(home), "JUPYTERLAB_WORKSPACES_DIR": str(home)}
    with serving(call, home / "lab.log", own) as server:
        yield server


def _home(folder: Path) -> dict[str, str]:
    return {"WORKBENCH_HOME": str(folder)}
