"""The workbench's session, as the dashboard drives it: on an event loop, kept.

A change is one edit of a recipe; every measurement that follows is noted.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from benchmarks.peers.measuring import Record

if TYPE_CHECKING:
    from benchmarks.peers.inputs import Inputs

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
    from workbench.bench.waiting import is_exact, until
    from workbench.session import Session

    session = Session(inputs.keras_file, inputs.data)
    try:
        await until(session, lambda: session.is_calibrated and is_exact(session))
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
    from workbench.bench.waiting import seconds_of
    from workbench.core.edit import set_knobs
    from workbench.core.recipe import Recipe

    step = "magnitude" if "sparsity" in knobs else "uniform"
    recipe = set_knobs(Recipe(), step, target, **knobs)
    return await seconds_of(session, recipe)
