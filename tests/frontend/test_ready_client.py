"""A kernel is taken for ready when it answers, and then it runs cells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from workbench.frontend.ready_client import ReadyClient
from workbench.frontend.voila_server import _configuration


def manager() -> AsyncKernelManager:
    return AsyncKernelManager(config=_configuration(is_local=True))


@asynccontextmanager
async def started() -> AsyncIterator[tuple[AsyncKernelManager, ReadyClient]]:
    """A kernel, and a client that listens to it."""
    kernel = manager()
    await kernel.start_kernel()
    client = kernel.client()
    assert isinstance(client, ReadyClient)
    client.start_channels()
    try:
        yield kernel, client
    finally:
        client.stop_channels()
        await kernel.shutdown_kernel(now=True)
        kernel.context.destroy(linger=0)


def test_a_kernel_that_is_ready_runs_every_cell() -> None:
    notebook = new_notebook(cells=[new_code_cell(f"{n} + 1") for n in range(2)])

    async def scene() -> None:
        async with started() as (kernel, client):
            await client.wait_for_ready(timeout=60)
            executor = NotebookClient(notebook, km=kernel)
            executor.kc = client
            for at, cell in enumerate(notebook.cells):
                await executor.async_execute_cell(cell, at)

    asyncio.run(scene())
    texts = [cell.outputs[0].data["text/plain"] for cell in notebook.cells]
    assert texts == ["1", "2"]


def test_a_kernel_that_has_died_is_not_waited_for() -> None:
    async def scene() -> None:
        async with started() as (kernel, client):
            await kernel.shutdown_kernel(now=True)
            with pytest.raises(RuntimeError, match="died"):
                await client.wait_for_ready(timeout=60)

    asyncio.run(asyncio.wait_for(scene(), 30))
