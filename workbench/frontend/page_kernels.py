"""How a page's kernel is started: by our launcher, and heard by our client."""

from __future__ import annotations

from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from traitlets import Type

from workbench.frontend.ready_client import ReadyClient

_THEIRS, _OURS = "ipykernel_launcher", "workbench.frontend.ipykernel_launcher"
_FOR_DEBUGGING = "-Xfrozen_modules=off"


class PageKernelManager(ServerKernelManager):
    """Starts a kernel of Python that has no debugger; any other as it is."""

    client_factory = Type(ReadyClient, klass=ReadyClient)

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        """The command that starts the kernel."""
        command = super().format_kernel_cmd(extra_arguments)
        if _THEIRS not in command:
            return command
        ours = [_OURS if part == _THEIRS else part for part in command]
        return [part for part in ours if part != _FOR_DEBUGGING]
