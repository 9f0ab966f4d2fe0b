"""What the lanes do for a session: preview, retrain, save.

Each job is a generator that computes on its lane and yields deliveries, which alone
write to the session, on the event loop. TensorFlow is imported here, inside the jobs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.core.history import Visit
from workbench.core.snapshot import Outcome
from workbench.deciding import fitting, waiting
from workbench.making import compressed, in_turn, network_for, outcome_of
from workbench.origin import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from workbench.core.measurement import Measurement, Retrained
    from workbench.core.recipe import Recipe
    from workbench.lanes import Delivery, Task
    from workbench.session import Session


def preview(session: Session, recipe: Recipe) -> Iterator[Delivery]:
    """Compress for a recipe, then measure, each number sharper than the last."""
    earlier = session.before
    last = earlier and earlier.measurement
    session.remember()
    yield from waiting(origin(session, recipe))
    if recipe.has_repairs:
        # A repair takes a while: what it repairs is shown first.
        network = compressed(session, recipe, earlier=earlier, is_plain=True)
        plain = outcome_of(session, recipe, network)
        yield lambda: session.set(before=_with_last_score(plain, last))
    network = compressed(session, recipe, earlier=earlier)
    # What is replaced takes half as much again as the weights.
    del earlier
    outcome = outcome_of(session, recipe, network)
    yield lambda: session.set(before=_with_last_score(outcome, last))
    yield session.bin_new
    if recipe.has_repairs:
        # The last of three looks; a newer wish may come between two batches.
        network = yield from waiting(in_turn(session, recipe, outcome.network))
        if network is not outcome.network:
            outcome = outcome_of(session, recipe, network)
            turned = outcome
            yield lambda: session.set(before=_with_last_score(turned, last))
    found = yield from fitting(session, outcome)
    if found is not None:
        decision, network = found
        outcome = outcome_of(session, decision.recipe, network)
        fitted = _with_last_score(outcome, last)
        yield lambda: session.fitted(recipe, decision, fitted)
    yield from _measuring(session, outcome)


def _measuring(session: Session, outcome: Outcome) -> Iterator[Delivery]:
    """Measure what is on the screen, each number sharper than the last."""
    recipe = outcome.recipe
    if session.evaluator is None or session.original is None:
        return
    if recipe.has_activations and not session.seen:
        return
    for measured in session.evaluator.run(outcome.network):
        fresh = replace(outcome, measurement=measured)
        yield lambda fresh=fresh: session.set(before=fresh)
        if measured.is_exact:
            visit = Visit.of(recipe, "before", outcome.sizes.packed.value, measured)
            yield lambda visit=visit: session.visit(visit)


def retraining(session: Session, task: Task, recipe: Recipe) -> Iterator[Delivery]:
    """Retrain for a recipe; every better set of weights is kept as it comes."""
    best: Retrained | None = None
    try:
        if not task.is_cancelled:
            best = yield from _training(session, task, recipe)
    finally:
        # However it ends: an error too ends the retraining, and no other error does.
        session.lanes.post(lambda: session.set(is_retraining=False))
    if best is not None:
        session.lanes.wish("after", lambda: measuring_after(session, best))


def _training(
    session: Session, task: Task, recipe: Recipe
) -> Generator[Delivery, None, Retrained | None]:
    """Retrain; returns the best weights, already kept and delivered."""
    from workbench.engine.give_back import give_back
    from workbench.engine.trainer import Trainer

    yield session.saying("session.retraining")
    wish = recipe.retraining
    assert wish is not None
    start = session.retrained if wish.start == "latest" else None
    network = network_for(session, recipe, start)
    best: Retrained | None = None
    for progress in Trainer(session.workload).run(
        network,
        wish,
        recipe=recipe,
        start=start,
        seed=recipe.seed,
        should_stop=lambda: task.is_cancelled,
    ):
        if progress.best is not None:
            best = progress.best
            session.keep(best)
        yield lambda p=progress: session.progressed(p)
    give_back()
    earlier = session.retrained
    if best and earlier and _is_in_vain(session, best, earlier, task):
        session.keep(earlier)
        yield session.saying("train.earlier_stands")
        return None
    # Before another retraining can be asked for, which may go on from this one.
    if best is not None:
        yield lambda: session.set(retrained=best)
    is_start = best is not None and best.epoch == 0
    yield session.saying("train.start_stands" if is_start else "")
    return best


def _is_in_vain(
    session: Session, best: Retrained, earlier: Retrained, task: Task
) -> bool:
    """Whether what the same setting was retrained to before is to stay."""
    if earlier.recipe.plans != best.recipe.plans:
        return False
    gain = session.workload.metric.info.sign * (best.validation - earlier.validation)
    return best.epoch == 0 or (task.is_cancelled and gain <= 0)


def measuring_after(session: Session, retrained: Retrained) -> Iterator[Delivery]:
    """Measure a retrained network."""
    network = retrained.network
    outcome = outcome_of(session, retrained.recipe, network)
    yield lambda: session.set(
        retrained=retrained,
        after=_with_last_score(outcome, session.after and session.after.measurement),
    )
    if session.evaluator is None:
        return
    for measured in session.evaluator.run(network):
        fresh = replace(outcome, measurement=measured)
        yield lambda fresh=fresh: session.set(after=fresh)
        if measured.is_exact:
            packed = outcome.sizes.packed.value
            visit = Visit.of(retrained.recipe, "after", packed, measured)
            yield lambda visit=visit: session.visit(visit)


@dataclass(frozen=True, eq=False)
class Saving:
    """What is saved where.

    Attributes:
        outcome: What was on the screen.
        recipe: What was wished for; `outcome` may still be that of an earlier wish.
        folder: Directory to make.
        formats: Names of exporters.
        is_forced: Whether an earlier output directory is replaced.
    """

    outcome: Outcome
    recipe: Recipe
    folder: Path
    formats: tuple[str, ...]
    is_forced: bool


def saving(session: Session, task: Task, wish: Saving) -> Iterator[Delivery]:
    """Write the result, its recipe and a report into a new folder."""
    from workbench.export.artifact import Stopped
    from workbench.export.bundle import write_bundle

    yield session.saying("session.saving")
    try:
        bundle = write_bundle(
            session.workload,
            _wished(session, wish),
            wish.folder,
            wish.formats,
            snapshot=session.snapshot(),
            is_forced=wish.is_forced,
            should_stop=lambda: task.is_cancelled,
        )
    except Stopped:
        yield session.saying("session.not_saved")
        return
    yield lambda: session.set(saved=bundle)
    formats = ", ".join(one.format for one in bundle.left_out)
    key = "session.saved_without" if formats else "session.saved"
    yield session.saying(key, folder=str(wish.folder.resolve()), formats=formats)


def packing(
    session: Session, folder: Path, give: Callable[[str, bytes], None]
) -> Iterator[Delivery]:
    """Put a saved folder into one file and give that away."""
    from workbench.export.archive import zipped

    yield session.saying("session.packing")
    content = zipped(folder)
    yield lambda: give(f"{folder.name}.zip", content)
    yield session.saying("")


def _wished(session: Session, wish: Saving) -> Outcome:
    """The outcome of the wish, where the preview had not caught up with it."""
    outcome = wish.outcome
    is_first_look = outcome.is_stale or outcome.measurement is None
    if outcome.recipe.plans != wish.recipe.plans or (
        is_first_look and not outcome.network.is_retrained
    ):
        outcome = outcome_of(session, wish.recipe, network_for(session, wish.recipe))
    if outcome.is_stale:
        return replace(outcome, measurement=None, is_stale=False)
    return outcome


def _with_last_score(fresh: Outcome, last: Measurement | None) -> Outcome:
    """A fresh outcome that shows the last score, as stale, until its own is there."""
    if last is None:
        return fresh
    return replace(fresh, measurement=last, is_stale=True)
