"""Pages and what is recorded of them, for tests in a real browser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import nbformat

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from workbench.bench.pages import Server

LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1", "[::1]"))
# Voilà asks once for files that only JupyterLab's server has.
HARMLESS = re.compile(r"favicon\.ico|/api/(?:me|kernelspecs|translations|settings)")


@dataclass
class Recorder:
    """All that a page asked for and complained of.

    Attributes:
        requests: Every address, in order, websockets too.
        received: Bytes that came through websockets.
        errors: Console errors, uncaught exceptions, failed requests.
    """

    requests: list[str] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", self._websocket)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("console", self._console)
        page.on("response", self._response)

    @property
    def foreign(self) -> list[str]:
        """Requests to anywhere but this machine."""
        return [url for url in self.requests if not _is_local(url)]

    def _websocket(self, socket_: object) -> None:
        self.requests.append(socket_.url)  # type: ignore[attr-defined]
        socket_.on("framereceived", lambda data: self.received.append(len(data)))  # type: ignore[attr-defined]

    def _console(self, message: object) -> None:
        where = message.location.get("url", "")  # type: ignore[attr-defined]
        if message.type == "error" and not HARMLESS.search(where):  # type: ignore[attr-defined]
            self.errors.append(f"console: {message.text} ({where})")  # type: ignore[attr-defined]

    def _response(self, response: object) -> None:
        url, status = response.url, response.status  # type: ignore[attr-defined]
        if status >= 400 and not HARMLESS.search(url):
            self.errors.append(f"{status}: {url}")


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob", "about") or parts.hostname in LOOPBACK


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]
    )
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, path)
    return path


def open_notebook(page: Page, lab: Server, name: str) -> None:
    """Open a notebook of a JupyterLab server and run all its cells.

    Args:
        page: Fresh page.
        lab: The server.
        name: Path below its folder.
    """
    address = lab.address.replace("/lab?", f"/lab/tree/{name}?")
    page.goto(address + "&reset")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    # What is run before the kernel has answered is lost without a word.
    page.wait_for_selector("#jp-main-statusbar >> text=| Idle", timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
