"""Try a setting in a session and wait until its numbers are there.

A notebook's session works in the background, so these are coroutines: ``await`` them
in a cell. In a session without an event loop the numbers are there at once.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.core.measurement import Measurement
    from workbench.core.recipe import Recipe, Retraining
    from workbench.core.snapshot import Outcome
    from workbench.session import Session
    from workbench.state import Status

LOOK_SECONDS = 0.05


async def opened(session: Session) -> Measurement:
    """The original's measurement, as soon as there is one.

    Raises:
        UserError: If the model cannot be opened, or there is no test data.
    """
    if session.original is None and session.status.is_error:
        raise _failure(session.status)
    await _until(session, lambda: session.original is not None or _is_untested(session))
    if session.original is None:
        raise UserError("evaluate.no_test_data")
    return session.original


async def measured(session: Session, recipe: Recipe) -> Outcome:
    """What a recipe makes of the model, without retraining, on all test samples.

    Args:
        session: The session; the recipe becomes its present one.
        recipe: The recipe.

    Raises:
        UserError: If it cannot be applied, or the setting was changed meanwhile.
    """
    await opened(session)
    if recipe.has_repairs:
        # Before calibration has seen the layers' inputs, the plain form stands in.
        await _until(session, lambda: not session.is_opening)
    session.edit(recipe)
    await _until(
        session,
        lambda: _is_of(_before(session), recipe) or _has_moved(session, recipe),
    )
    return _unmoved(session, _before(session), recipe)


async def retrained(
    session: Session, recipe: Recipe, retraining: Retraining
) -> Outcome:
    """What a recipe makes of the model after retraining, on all test samples.

    A retraining that the session has just done for the same recipe is not repeated.

    Args:
        session: The session; the recipe becomes its present one.
        recipe: The recipe.
        retraining: How to retrain.

    Raises:
        UserError: If it cannot be retrained, was cancelled, or the setting was
            changed meanwhile.
    """
    await measured(session, recipe)
    wish = replace(recipe, retraining=retraining)
    if _is_new(session, wish):
        session.edit(wish)
    else:
        session.retrain(retraining)
    await _until(
        session,
        lambda: (
            _is_new(session, wish)
            or _has_moved(session, recipe)
            or _is_cancelled(session)
        ),
    )
    if _is_cancelled(session) and not _is_new(session, wish):
        raise UserError("lesson.cancelled")
    return _unmoved(session, _after(session), recipe)


async def _until(session: Session, is_done: Callable[[], bool]) -> None:
    """Wait for something to hold; a new error in the status line ends the waiting."""
    earlier = session.status
    while not is_done():
        if session.status.is_error and session.status is not earlier:
            raise _failure(session.status)
        await asyncio.sleep(LOOK_SECONDS)


def _failure(status: Status) -> UserError:
    return UserError(status.key, **dict(status.values))


def _before(session: Session) -> Outcome | None:
    found: Any = session.before
    return found


def _after(session: Session) -> Outcome | None:
    found: Any = session.after
    return found


def _is_of(outcome: Outcome | None, recipe: Recipe) -> bool:
    """Whether an outcome is a recipe's, with every test sample seen."""
    if outcome is None or outcome.measurement is None or outcome.is_stale:
        return False
    return outcome.recipe.plans == recipe.plans and outcome.measurement.is_exact


def _is_new(session: Session, recipe: Recipe) -> bool:
    """Whether the retraining that a recipe asks for is done and measured."""
    after = _after(session)
    return _is_of(after, recipe) and after is not None and after.recipe == recipe


def _is_cancelled(session: Session) -> bool:
    return session.task is not None and session.task.is_cancelled


def _is_untested(session: Session) -> bool:
    return session.workload is not None and session.workload.data.test is None


def _has_moved(session: Session, recipe: Recipe) -> bool:
    return session.recipe.plans != recipe.plans


def _unmoved(session: Session, outcome: Outcome | None, recipe: Recipe) -> Outcome:
    if _has_moved(session, recipe) or outcome is None:
        raise UserError("lesson.moved")
    return outcome
