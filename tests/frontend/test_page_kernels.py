"""A page's kernel: ready when it answers, without a debugger, running cells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from traitlets.utils.importstring import import_item

from workbench.frontend.page_kernels import PageKernelManager
from workbench.frontend.ready_client import ReadyClient
from workbench.frontend.voila_server import _configuration


@asynccontextmanager
async def started() -> AsyncIterator[tuple[Any, ReadyClient]]:
    """A kernel, and a client that listens to it."""
    kernel: Any = PageKernelManager(config=_configuration(is_local=True))
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
    texts = ("1 + 1", "import sys; sys.modules['debugpy'], sys.path[:1]")
    notebook = new_notebook(cells=[new_code_cell(text) for text in texts])

    async def scene() -> None:
        async with started() as (kernel, client):
            await client.wait_for_ready(timeout=60)
            executor = NotebookClient(notebook, km=kernel)
            executor.kc = client
            for at, cell in enumerate(notebook.cells):
                await executor.async_execute_cell(cell, at)

    asyncio.run(scene())
    said = [cell.outputs[0].data["text/plain"] for cell in notebook.cells]
    assert said[0] == "2"
    assert said[1].startswith("(None, ")
    assert str(Path.cwd()) not in said[1]


def test_the_server_starts_kernels_so() -> None:
    manager = _configuration(is_local=True).MappingKernelManager.kernel_manager_class
    assert import_item(manager) is PageKernelManager


def test_a_kernel_that_has_died_is_not_waited_for() -> None:
    async def scene() -> None:
        async with started() as (kernel, client):
            await kernel.shutdown_kernel(now=True)
            with pytest.raises(RuntimeError, match="died"):
                await client.wait_for_ready(timeout=60)

    asyncio.run(asyncio.wait_for(scene(), 30))
