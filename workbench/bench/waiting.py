"""Waiting for a session on an event loop, and timing what it delivers."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.core.recipe import Recipe
    from workbench.session import Session

LONGEST_S = 300


async def seconds_of(session: Session, recipe: Recipe) -> list[tuple[float, float]]:
    """Seconds and half-width in points of each measurement of a recipe."""
    seen: list[tuple[float, float]] = []
    done = asyncio.get_running_loop().create_future()

    def note(change: Any) -> None:
        outcome = change.new
        if outcome.recipe.plans != recipe.plans or outcome.is_stale:
            return
        measured = outcome.measurement
        if measured is None or measured.within is None:
            return
        half = 50 * (measured.within.high - measured.within.low)
        seen.append((time.perf_counter() - began, half))
        if measured.is_exact and not done.done():
            done.set_result(None)

    session.observe(note, "before")
    began = time.perf_counter()
    session.edit(recipe)
    await asyncio.wait_for(done, LONGEST_S)
    session.unobserve(note, "before")
    return seen


async def until(session: Session, holds: Callable[[], bool]) -> None:
    """Wait for something about a session; a failure of it ends the benchmark."""
    end = time.perf_counter() + LONGEST_S
    while not holds():
        if session.status.is_error or time.perf_counter() > end:
            raise RuntimeError(f"{session.status.key} {session.status.detail}")
        await asyncio.sleep(0.02)


def is_exact(session: Session) -> bool:
    """Whether the present recipe's score is there, of all test samples."""
    before = session.before
    if before is None or before.measurement is None or before.is_stale:
        return False
    return before.measurement.is_exact


async def lateness(late: list[float]) -> None:
    """Note how many seconds later than asked for the loop comes back, until stopped."""
    pause = 0.002
    while True:
        began = time.perf_counter()
        await asyncio.sleep(pause)
        late.append(time.perf_counter() - began - pause)
