"""Voilà with the workbench's own page, on loopback.

Nothing outside the package has a say in it: no configuration file is read, no file
of the notebook's folder is served, template and theme are not taken from requests.
"""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING, Any

import zmq
from tornado.ioloop import IOLoop
from traitlets.config import Config
from voila.app import Voila
from voila.paths import collect_static_paths, collect_template_paths

from workbench.core.errors import UserError
from workbench.frontend import TEMPLATE, plotly_source
from workbench.text import LANGUAGES, say

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

IDLE_SECONDS = 20 * 60
_PORTS = 100
_APPS = ["voila", "nbconvert"]
_EXTENSIONS = [
    "@jupyter-widgets/jupyterlab-manager",
    "@voila-dashboards/widgets-manager8",
    "anywidget",
]

# The browser itself refuses whatever would leave the machine.
_ONLY_HERE = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "frame-ancestors 'self'"
)


class DashboardServer(Voila):
    """One notebook, served with the template in ``frontend/voila``."""

    on_listening: Callable[[str], None] | None = None

    def setup_template_dirs(self) -> None:
        """Our template first, then Voilà's base; plotly.js lies beside its scripts."""
        folder = str(TEMPLATE)
        base = collect_template_paths(_APPS, "base", prune=True)
        self.template_paths = [folder, *base]
        self.static_paths = [
            *collect_static_paths(_APPS, "base"),
            str(plotly_source().parent),
        ]

    def random_ports(self, port: int, n: int) -> Generator[int, None, None]:
        """The port asked for, then the next ones; an error when none is free."""
        last = min(port + n, 65536) - 1
        yield from range(port, last + 1)
        raise UserError("serve.no_port", first=port, last=last)

    def listen(self) -> None:
        """Serve until stopped; say the address from the running loop."""
        if self.on_listening is not None:
            announce = self.on_listening
            IOLoop.current().add_callback(lambda: announce(self.display_url))
        super().listen()


def dashboard_server(
    notebook: Path, *, ip: str, port: int, on_listening: Callable[[str], None]
) -> DashboardServer:
    """A server that is ready to start.

    Args:
        notebook: The notebook to run for each page.
        ip: Address to listen on. Away from loopback a token is asked for, and the
            page's theme is not taken from its address.
        port: First port to try.
        on_listening: Called once with the address, when it answers.
    """
    server = DashboardServer(
        config=_configuration(is_loopback(ip)),
        config_file_paths=[],
        notebook_path=str(notebook),
        ip=ip,
        port=port,
        port_retries=_PORTS - 1,
        open_browser=False,
        auto_token=not is_loopback(ip),
        log_level="ERROR",
    )
    server.on_listening = on_listening
    # As Jupyter's own server does it: Tornado takes the milliseconds between pings for
    # seconds, and warns of them.
    logging.getLogger("tornado").setLevel(server.log_level)
    server.initialize([])
    return server


def is_loopback(ip: str) -> bool:
    """Whether only this machine can reach an address."""
    if ip == "localhost":
        return True
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False


def _give_xsrf_token(request: Any, **_: object) -> None:
    """Set the cookie without which a page that closes cannot end its kernel."""
    _ = request.xsrf_token


def _configuration(is_local: bool) -> Config:
    texts: dict[str, Any] = {
        name: {lang: say(f"serve.{name}", lang) for lang in LANGUAGES}
        for name in ("title", "loading", "no_script", "lost")
    }
    config = Config()
    config.VoilaConfiguration = Config(
        template="workbench",
        allow_template_override="NO",
        allow_theme_override="NO",
        file_allowlist=[],
        extension_allowlist=_EXTENSIONS,
        resources={"workbench": {**texts, "theme_by_address": is_local}},
        preheat_kernel=False,
        prelaunch_hook=_give_xsrf_token,
    )
    config.MappingKernelManager = Config(
        cull_idle_timeout=IDLE_SECONDS,
        cull_interval=60,
        cull_connected=False,
        kernel_manager_class="workbench.frontend.page_kernels.PageKernelManager",
    )
    if zmq.has("curve"):
        # Or each kernel warns in the terminal that others may listen.
        config.KernelManager = Config(transport_encryption="auto")
    # Another site's name that resolves to this machine is not this machine's name.
    config.Voila = Config(
        tornado_settings={
            "allow_remote_access": not is_local,
            "headers": {"Content-Security-Policy": _ONLY_HERE},
        }
    )
    return config
