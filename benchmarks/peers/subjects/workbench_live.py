"""The workbench's session, as the dashboard drives it: on an event loop, kept.

A change is one edit of a recipe; every measurement that follows is noted.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

from benchmarks.peers.measuring import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers.inputs import Inputs

LONGEST_S = 300
WITHIN_POINTS = 0.5
# One knob at a time, as a hand would move it.
CHANGES = tuple(
    [{"bits": bits} for bits in (8, 7, 6, 5, 4)]
    + [{"sparsity": level} for level in (0.3, 0.4, 0.5, 0.6, 0.7)]
)


def records(inputs: Inputs) -> list[Record]:
    """The seconds of changes of all kernels, and of the last layer's."""
    os.environ["WORKBENCH_HOME"] = str(inputs.scratch)
    return asyncio.run(_measured(inputs))


async def _measured(inputs: Inputs) -> list[Record]:
    from workbench.session import Session

    session = Session(inputs.keras_file, inputs.data)
    try:
        await _until(lambda: session.is_calibrated and _is_exact(session), session)
        targets = {"all kernels": "*", "the last layer": session.sites[-1].path}
        return [
            await _record(inputs, session, name, target)
            for name, target in targets.items()
        ]
    finally:
        session.close()


async def _record(inputs: Inputs, session: Any, name: str, target: str) -> Record:
    """Seconds of each change of one target, after one that warms up."""
    from importlib import metadata

    await _seen(session, target, {"bits": 12})
    changes = [await _seen(session, target, change) for change in CHANGES]
    return Record(
        subject="compression-workbench",
        version=metadata.version("compression-workbench"),
        setting=f"change of {name}",
        model=inputs.name,
        seconds=[seen[-1][0] for seen in changes],
        interval_seconds=[seen[0][0] for seen in changes],
        within_seconds=[_within(seen) for seen in changes],
        half_widths=[seen[0][1] for seen in changes],
    )


def _within(seen: list[tuple[float, float]]) -> float:
    return next(at for at, half in seen if half <= WITHIN_POINTS)


async def _seen(
    session: Any, target: str, knobs: dict[str, Any]
) -> list[tuple[float, float]]:
    """Seconds and half-width in points of each measurement of a change."""
    from workbench.core.edit import set_knobs
    from workbench.core.recipe import Recipe

    step = "magnitude" if "sparsity" in knobs else "uniform"
    recipe = set_knobs(Recipe(), step, target, **knobs)
    seen: list[tuple[float, float]] = []
    done = asyncio.get_running_loop().create_future()

    def note(change: Any) -> None:
        outcome = change.new
        is_ours = outcome.recipe.compression == recipe.compression
        measured = outcome.measurement
        if not is_ours or outcome.is_stale or measured is None:
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


async def _until(holds: Callable[[], bool], session: Any) -> None:
    """Wait for something about a session; a failure of it ends the benchmark."""
    end = time.perf_counter() + LONGEST_S
    while not holds():
        if session.status.is_error or time.perf_counter() > end:
            raise RuntimeError(f"{session.status.key} {session.status.detail}")
        await asyncio.sleep(0.02)


def _is_exact(session: Any) -> bool:
    before = session.before
    if before is None or before.measurement is None or before.is_stale:
        return False
    return before.measurement.is_exact
