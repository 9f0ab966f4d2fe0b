"""Servers of the workbench in processes of their own, and a browser to see them."""

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
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Browser, Playwright

START_SECONDS = 90
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


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
        raise RuntimeError(f"no address but {line!r}:\n{log.read_text()}")
    return Server(process, found.group(), log)


def _close(process: subprocess.Popen[str]) -> None:
    if process.stdout is not None:
        process.stdout.close()


def _first_line(process: subprocess.Popen[str]) -> str:
    lines: queue.Queue[str] = queue.Queue()
    stdout = process.stdout
    assert stdout is not None, "It was asked for."

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


def chromium() -> str | None:
    """The browser to drive: ``$CHROMIUM``, the system's, else Playwright's own."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


def launch(playwright: Playwright) -> Browser:
    """A headless browser that calls nobody of itself."""
    return playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
