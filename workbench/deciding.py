"""What the lanes do for a wish over all tensors: try every level, and fit a size.

As all `workbench.jobs`, these are generators of deliveries.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from workbench.core.network import Network
from workbench.making import compressed, in_turn

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from workbench.core.decision import Decision
    from workbench.core.levels import Survey
    from workbench.core.snapshot import Outcome
    from workbench.lanes import Delivery, Task
    from workbench.session import Session

T = TypeVar("T")


def surveying(session: Session, task: Task) -> Iterator[Delivery]:
    """Find out what every level takes and costs; then the wish is answered."""
    try:
        yield from _surveying(session, task)
    finally:
        # However it ends: what it did not bring is not waited for any more.
        session.lanes.post(lambda: session.set(is_surveying=False))


def _surveying(session: Session, task: Task) -> Iterator[Delivery]:
    survey = survey_of(session)
    for done in survey.run():
        if task.is_cancelled:
            yield session.saying("wish.stopped")
            return
        yield session.saying("wish.surveying", done=f"{done:.0%}")
    yield lambda: session.surveyed(survey.database)
    yield session.saying("")


def survey_of(session: Session) -> Survey:
    """The levels to try for a session's model; nothing runs yet."""
    from workbench.core.levels import Survey

    others = _file_bytes(session, Network({}, {}))
    return Survey(session.sites, session.weights, others)


def fitting(
    session: Session, outcome: Outcome
) -> Generator[Delivery, None, tuple[Decision, Network] | None]:
    """Decide again, until what the file takes fits the bytes that are wished for.

    Args:
        session: Whose wish it is.
        outcome: What came of a decision by estimates, repaired in turn.

    Yields:
        Nothing, after each batch of samples; closing the generator stops it.

    Returns:
        The decision that fits best and its network; None where there is nothing to
        fit, or it is known.
    """
    recipe, decision, database = outcome.recipe, session.decision, session.database
    if recipe.wish is None or recipe.wish.nbytes is None or database is None:
        return None
    if decision is None or decision.is_coded or decision.recipe.plans != recipe.plans:
        return None
    from workbench.core.fit import Fit

    fit, best = Fit(decision, database), outcome.network
    while True:
        network = outcome.network
        following = fit.coded(decision, *_coded(session, network))
        assert fit.best is not None
        if fit.best.recipe == decision.recipe:
            best = network
        if following is None:
            return fit.best, best
        decision = following
        network = compressed(session, decision.recipe, earlier=outcome)
        work = in_turn(session, decision.recipe, network)
        outcome = replace(outcome, network=(yield from waiting(work)))


def waiting(work: Generator[None, None, T]) -> Generator[Delivery, None, T]:
    """Work that delivers nothing until its end, but can be stopped before."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
        yield _nothing


def _nothing() -> None:
    """Deliver nothing."""


def _coded(session: Session, network: Network) -> tuple[int, int]:
    """Bytes of a network in its file, and of all in it that is no kernel."""
    bare = replace(network, tensors={}, digests={})
    return _file_bytes(session, network), _file_bytes(session, bare)


def _file_bytes(session: Session, network: Network) -> int:
    from workbench.export.wbz import predicted

    return round(predicted(session.workload, network).value)
