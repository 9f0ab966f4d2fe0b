"""What the task lane does for a sensitivity scan.

As all `workbench.jobs`, these are generators of deliveries. A kernel's levels follow
each other, so all but the first start from what is kept in front of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.making import compressed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.core.measurement import Measurement
    from workbench.core.recipe import Recipe
    from workbench.core.sensitivity import Scan
    from workbench.lanes import Delivery, Task
    from workbench.session import Session


def scanning(session: Session, task: Task, scan: Scan) -> Iterator[Delivery]:
    """Compress each kernel alone at every level, and measure each."""
    try:
        yield from _scanning(session, task, scan)
    finally:
        session.lanes.post(lambda: session.set(is_scanning=False))


def _scanning(session: Session, task: Task, scan: Scan) -> Iterator[Delivery]:
    yield _known(session, scan)
    for path, level, recipe in scan.recipes():
        yield session.saying("scan.running", done=f"{scan.done:.0%}")
        measured = _measured(session, task, recipe)
        if measured is None:
            yield session.saying("scan.stopped")
            return
        assert measured.difference is not None, "The original is no setting."
        scan = scan.with_change(path, level, measured.difference.value)
        yield _known(session, scan)
    yield session.saying("")


def _measured(session: Session, task: Task, recipe: Recipe) -> Measurement | None:
    """The exact score of a recipe; None where the task was cancelled meanwhile."""
    network = compressed(session, recipe)
    for measured in session.evaluator.run(network):
        if task.is_cancelled:
            return None
        if measured.is_exact:
            return measured
    return None


def _known(session: Session, scan: Scan) -> Callable[[], None]:
    return lambda: session.set(scan=scan)
