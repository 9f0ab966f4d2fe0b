"""How a page's kernel is started: by our launcher, and heard by our client.

It works where the server was started: what is saved there is found again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from traitlets import Type

from workbench.frontend.ready_client import ReadyClient

_THEIRS, _OURS = "ipykernel_launcher", "workbench.frontend.ipykernel_launcher"
_FOR_DEBUGGING = "-Xfrozen_modules=off"
# No file of the folder in which it works stands in for a module.
_SAFE_PATH = "-P"


class PageKernelManager(ServerKernelManager):
    """Starts a kernel of Python that has no debugger; any other as it is."""

    client_factory = Type(ReadyClient, klass=ReadyClient)

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """The command that starts the kernel."""
        command = super().format_kernel_cmd(extra_arguments)
        if _THEIRS not in command:
            return command
        ours = [_OURS if part == _THEIRS else part for part in command]
        python, *rest = [part for part in ours if part != _FOR_DEBUGGING]
        return [python, _SAFE_PATH, *rest]

    async def start_kernel(self, *arguments: Any, **options: Any) -> None:
        """Start the kernel where the server was started."""
        await super().start_kernel(*arguments, **{**options, "cwd": str(Path.cwd())})
