"""A client that takes a kernel for ready as soon as it answers."""

from __future__ import annotations

import time
from queue import Empty
from typing import cast

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel

_PATIENCE_S = 1.0
_NEWS_PATIENCE_S = 0.2


class ReadyClient(AsyncKernelClient):
    """Jupyter's own client listens on for a fifth of a second for what nobody reads.

    A notebook's executor passes over messages that belong to no cell of it.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers, and its news arrive.

        Args:
            timeout: Seconds to wait at most; None waits for as long as it lives.

        Raises:
            RuntimeError: If the kernel has died, or does not answer in time.
        """
        end = float("inf") if timeout is None else time.monotonic() + timeout
        while not await self._answers():
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > end:
                raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    async def _answers(self) -> bool:
        """Whether the kernel answers now and what it publishes arrives."""
        self.kernel_info()
        shell = cast("AsyncZMQSocketChannel", self.shell_channel)
        published = cast("AsyncZMQSocketChannel", self.iopub_channel)
        try:
            reply = await shell.get_msg(timeout=_PATIENCE_S)
            if reply["msg_type"] != "kernel_info_reply":
                return False
            await published.get_msg(timeout=_NEWS_PATIENCE_S)
        except Empty:
            return False
        self._handle_kernel_info_reply(reply)
        return True
