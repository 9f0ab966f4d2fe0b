"""Servers, pages and what is recorded of them, for tests in a real browser."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import nbformat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, Page, Playwright

START_SECONDS = 90
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
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


@dataclass(frozen=True)
class Server:
    """A running server: its process and the address it printed."""

    process: subprocess.Popen[str]
    address: str
    log: Path

    def url(self, **query: str) -> str:
        """The address with a query, keeping a token."""
        joined = "&".join(f"{name}={value}" for name, value in query.items())
        return self.address + ("&" if "?" in self.address else "?") + joined

    def stop(self) -> int:
        """Press Ctrl-C; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        _close(self.process)
        return code


def start(call: str, log: Path, environment: Mapping[str, str] | None = None) -> Server:
    """Run one of ``workbench.serve``'s functions in a process of its own.

    Args:
        call: Such as ``dashboard(port=8866)``.
        log: Where its stderr goes.
        environment: More variables.
    """
    program = (
        "import sys; from pathlib import Path; "
        f"from workbench.serve import dashboard, lab; sys.exit({call})"
    )
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "CI": "true", **(environment or {})},
        )
    line = _first_line(process)
    found = re.search(r"http://\S+", line)
    if found is None:
        process.kill()
        process.wait()
        _close(process)
        raise AssertionError(f"no address but {line!r}:\n{log.read_text()}")
    return Server(process, found.group(), log)


def _close(process: subprocess.Popen[str]) -> None:
    if process.stdout is not None:
        process.stdout.close()


def _first_line(process: subprocess.Popen[str]) -> str:
    lines: queue.Queue[str] = queue.Queue()
    stdout = process.stdout
    assert stdout is not None

    def read() -> None:
        with contextlib.suppress(ValueError):  # closed meanwhile
            for line in stdout:
                lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    try:
        return lines.get(timeout=START_SECONDS)
    except queue.Empty:
        return ""


@contextlib.contextmanager
def serving(
    call: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server for the length of a block."""
    server = start(call, log, environment)
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def chromium() -> str | None:
    """The browser to drive: ``$CHROMIUM``, the system's, else Playwright's own."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


def launch(playwright: Playwright) -> Browser:
    """A headless browser that calls nobody of itself."""
    return playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))


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
