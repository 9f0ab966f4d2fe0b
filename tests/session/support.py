"""Wishes, and a session on an event loop that is waited for."""

import asyncio

from workbench.core.edit import set_knobs


def pruned(session, sparsity=0.5):
    return set_knobs(session.recipe, "magnitude", sparsity=sparsity, scope="tensor")


async def opened(session):
    """Wait until a session is open, calibrated and measured."""
    while not session.is_calibrated or session.snapshot().is_stale:
        await asyncio.sleep(0.01)


def on_loop(scene, seconds=60):
    return asyncio.run(asyncio.wait_for(scene(), seconds))
