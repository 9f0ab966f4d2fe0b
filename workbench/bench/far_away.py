"""A relay that makes a server on this machine answer as if it were far away."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 2**16


class Relay:
    """Passes bytes between a port of its own and another one, each way later.

    Args:
        port: Where the server listens, on loopback.

    Attributes:
        port: Where the relay listens.
        delay_s: Seconds that each chunk is held back; may change at any time.
    """

    def __init__(self, port: int) -> None:
        """Hold nothing back yet."""
        self.port, self.delay_s = 0, 0.0
        self._target = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()

    async def run(self, listening: threading.Event) -> None:
        """Relay until stopped."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._joined, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self._stopped.wait()
        server.close()

    def stop(self) -> None:
        """Stop, from another thread."""
        assert self._loop is not None, "It runs."
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def _joined(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection, until an end closes it."""
        ends = [writer]
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(back)
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
            for end in ends:
                end.close()
        except asyncio.CancelledError:
            # The relay stops: what is still open is cut off.
            for end in ends:
                end.transport.abort()

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        """Pass on what comes, in its order, each chunk as late as asked."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        giving = asyncio.create_task(self._give(waiting, target))
        with contextlib.suppress(ConnectionError):
            while chunk := await source.read(CHUNK_BYTES):
                waiting.put_nowait((time.monotonic() + self.delay_s, chunk))
        waiting.put_nowait((0.0, b""))
        with contextlib.suppress(OSError):
            await giving

    async def _give(
        self,
        waiting: asyncio.Queue[tuple[float, bytes]],
        target: asyncio.StreamWriter,
    ) -> None:
        """Write each chunk when it is due, until an empty one."""
        while True:
            due, chunk = await waiting.get()
            await asyncio.sleep(max(due - time.monotonic(), 0))
            if not chunk:
                return target.write_eof()
            target.write(chunk)
            await target.drain()


@contextlib.contextmanager
def relayed(port: int) -> Iterator[Relay]:
    """A relay for the length of a block."""
    relay, listening = Relay(port), threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(relay.run(listening)), daemon=True
    )
    thread.start()
    listening.wait()
    try:
        yield relay
    finally:
        relay.stop()
        thread.join()
