"""Serve the dashboard (Voilà) and the lessons (JupyterLab) on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import UserError
from workbench.core.store import write_atomic
from workbench.frontend import HAS_PLOTLY_VARIABLE
from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Mapping

MODEL_VARIABLE = "WORKBENCH_MODEL"
DATA_VARIABLE = "WORKBENCH_DATA"

_PACKAGE = Path(__file__).parent
_LAB_PORTS = 100


def dashboard(  # noqa: PLR0913 - a command's options
    model: Path | None = None,
    data: Path | None = None,
    *,
    port: int = 8866,
    open_browser: bool = True,
    ip: str = "127.0.0.1",
    lang: str = "en",
    notebook: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Serve the dashboard until Ctrl-C; print its address once it answers.

    Args:
        model: Model file that the pages open; None for the demo.
        data: Data file or folder; None for the demo's.
        port: First port to try, in [1, 65535]; the next free one is taken.
        open_browser: Open a browser where there is one to see.
        ip: Address to listen on.
        lang: Language of what is printed.
        notebook: Notebook to serve instead of the package's dashboard.
        environment: More variables for the kernels.

    Returns:
        The exit code, 0.

    Raises:
        UserError: If a file is missing, or no port is free.
    """
    _check_port(port)
    source = notebook or notebooks() / "dashboard.ipynb"
    if not source.is_file():
        raise UserError("serve.no_notebook", path=source)
    _prepare_environment(model, data, {HAS_PLOTLY_VARIABLE: "1", **(environment or {})})
    from workbench.frontend.voila_server import dashboard_server

    def announce(address: str) -> None:
        _announce(address, open_browser=open_browser, lang=lang)

    with contextlib.suppress(KeyboardInterrupt):
        server = dashboard_server(
            source.resolve(), ip=ip, port=port, on_listening=announce
        )
        server.start()
    return 0


def lab(  # noqa: PLR0913 - a command's options
    folder: Path | None = None,
    *,
    port: int = 8888,
    open_browser: bool = True,
    ip: str = "127.0.0.1",
    lang: str = "en",
    environment: Mapping[str, str] | None = None,
) -> int:
    """Serve JupyterLab on the lessons until Ctrl-C; print its address.

    Args:
        folder: Folder to work in; None for the lessons' own folder, or for a copy of
            it in the working directory where the package is installed.
        port: First port to try, in [1, 65535]; the next free one is taken.
        open_browser: Open a browser where there is one to see.
        ip: Address to listen on.
        lang: Language of what is printed.
        environment: More variables for the kernels.

    Returns:
        The exit code, 0.

    Raises:
        UserError: If the folder is missing.
    """
    _check_port(port)
    root = _existing(folder) if folder is not None else lessons(Path.cwd())
    _prepare_environment(None, None, environment or {})
    from jupyterlab.labapp import LabApp
    from tornado.ioloop import IOLoop
    from traitlets.config import Config

    with contextlib.suppress(KeyboardInterrupt):
        server = LabApp.initialize_server(
            config=Config(_lab_configuration(root, ip, port))
        )
        IOLoop.current().add_callback(
            lambda: _announce(server.local_url, open_browser=open_browser, lang=lang)
        )
        # Without a terminal Jupyter would leave its kernels behind, and wait for a
        # thread of its own for ever.
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
        server.start()
    return 0


def notebooks() -> Path:
    """The lessons' folder: in the package when installed, beside it in a checkout."""
    installed = _PACKAGE / "notebooks"
    return installed if installed.is_dir() else _PACKAGE.parent / "notebooks"


def lessons(working: Path) -> Path:
    """Where the lessons can be edited.

    A checkout's own folder; for an installed package a copy in the working
    directory, in which files that are there already stay as they are.
    """
    source = notebooks()
    if source.parent != _PACKAGE and os.access(source, os.W_OK):
        return source
    target = working / "workbench-notebooks"
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(copy, path.read_bytes())
    return target


def _lab_configuration(root: Path, ip: str, port: int) -> dict[str, Any]:
    """JupyterLab asks no other machine for news, updates or extensions."""
    return {
        "ServerApp": {
            "ip": ip,
            "port": port,
            "port_retries": _LAB_PORTS - 1,
            "root_dir": str(root),
            "open_browser": False,
            "answer_yes": True,
            # Refused by default, though a container's only user is often root.
            "allow_root": True,
            "log_level": "WARN",
            "tornado_settings": {"page_config_hook": _without_news},
        },
        "LabApp": {
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",
        },
    }


def _without_news(_handler: object, page: dict[str, Any]) -> dict[str, Any]:
    """The page's configuration without the question whether to fetch news."""
    news = "@jupyterlab/apputils-extension:announcements"
    disabled = page.get("disabledExtensions", [])
    return {**page, "disabledExtensions": [*disabled, news]}


def _prepare_environment(
    model: Path | None, data: Path | None, more: Mapping[str, str]
) -> None:
    """Kernels inherit the server's environment: it carries what they shall open."""
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
    for name, path in ((MODEL_VARIABLE, model), (DATA_VARIABLE, data)):
        if path is not None:
            os.environ[name] = str(_existing(path))
    os.environ.update(more)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise UserError("serve.missing", path=path)
    return path.resolve()


def _check_port(port: int) -> None:
    if not 1 <= port <= 65535:  # noqa: PLR2004 - the range of ports
        raise UserError("serve.port", port=port)


def _announce(address: str, *, open_browser: bool, lang: str) -> None:
    sys.stdout.write(say("serve.address", lang, address=address) + "\n")
    sys.stdout.flush()
    if open_browser and has_screen(os.environ, sys.platform):
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def has_screen(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a browser that is opened now would be seen by someone."""
    if environment.get("CI"):
        return False
    if platform in ("win32", "darwin"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
