"""What the lanes do for a wish over all tensors: try every level of every kernel.

As all `workbench.jobs`, these are generators of deliveries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.levels import Survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.lanes import Delivery, Task
    from workbench.session import Session


def surveying(session: Session, task: Task) -> Iterator[Delivery]:
    """Find out what every level takes and costs; then the wish is answered."""
    try:
        yield from _surveying(session, task)
    finally:
        # However it ends: what it did not bring is not waited for any more.
        session.lanes.post(lambda: session.set(is_surveying=False))


def _surveying(session: Session, task: Task) -> Iterator[Delivery]:
    survey = Survey(session.sites, session.weights, 4 * session.other_parameters)
    for done in survey.run():
        if task.is_cancelled:
            yield session.saying("wish.stopped")
            return
        yield session.saying("wish.surveying", done=f"{done:.0%}")
    yield lambda: session.surveyed(survey.database)
    yield session.saying("")
