"""Predict, then see: nothing here is right or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.edit import set_knobs
from workbench.core.recipe import Recipe, Retraining
from workbench.lessons import answers, figures, trial
from workbench.lessons.feedback import COMMON
from workbench.text import say

if TYPE_CHECKING:
    from workbench.lessons.feedback import Feedback
    from workbench.session import Session

THRESHOLD = 0.05
DEEP = 0.9
SCOPE_SPARSITY = 0.8
SCOPES = ("tensor", "global")
ONE_EPOCH = Retraining(epochs=1)


async def share(session: Session, guess: object) -> Feedback:
    """What share of the weights lies below a threshold."""
    guessed = answers.share(guess)
    recipe = set_knobs(Recipe(), "magnitude", threshold=THRESHOLD)
    outcome = await trial.measured(session, recipe)
    weights = outcome.network.parameters
    return COMMON.shown(
        session,
        "reveal.share",
        guess=figures.percent(guessed),
        share=figures.percent(outcome.network.sparsity),
        zeros=figures.count(weights - figures.kept(outcome)),
        weights=figures.count(weights),
        threshold=THRESHOLD,
    )


async def left(session: Session, guess: object) -> Feedback:
    """What accuracy is left when each kernel loses most of its weights."""
    guessed = answers.share(guess)
    outcome = await trial.measured(session, pruned(DEEP))
    assert outcome.measurement is not None
    return COMMON.shown(
        session,
        "reveal.left",
        guess=figures.percent(guessed),
        score=figures.percent(figures.score(outcome)),
        original=figures.percent(session.original.score),
        turned_wrong=figures.count(outcome.measurement.turned_wrong or 0),
    )


async def scope(session: Session, guess: object) -> Feedback:
    """Whether one share a kernel or one threshold over all keeps more accuracy."""
    guessed = answers.word(guess, SCOPES)
    outcomes = {}
    for name in SCOPES:
        recipe = set_knobs(Recipe(), "magnitude", sparsity=SCOPE_SPARSITY, scope=name)
        outcomes[name] = await trial.measured(session, recipe)
    return COMMON.shown(
        session,
        "reveal.scope",
        figures.survivors(session, list(outcomes.items())),
        guess=guessed,
        sparsity=figures.percent(SCOPE_SPARSITY),
        tensor=figures.percent(figures.score(outcomes["tensor"])),
        overall=figures.percent(figures.score(outcomes["global"])),
    )


async def recovery(session: Session, guess: object) -> Feedback:
    """What accuracy one epoch of retraining brings back."""
    guessed = answers.share(guess)
    recipe = deep_recipe()
    before = await trial.measured(session, recipe)
    after = await trial.retrained(session, recipe, ONE_EPOCH)
    return COMMON.shown(
        session,
        "reveal.recovery",
        figures.settings(
            session,
            [
                (say("lesson.before", session.lang), before),
                (say("lesson.after", session.lang), after),
            ],
        ),
        guess=figures.percent(guessed),
        before=figures.percent(figures.score(before)),
        after=figures.percent(figures.score(after)),
    )


def pruned(sparsity: float) -> Recipe:
    """Every kernel pruned to the same sparsity.

    Raises:
        UserError: If it is none.
    """
    return set_knobs(Recipe(), "magnitude", sparsity=sparsity, scope="tensor")


def deep_recipe() -> Recipe:
    """The setting that the lesson retrains."""
    return set_knobs(Recipe(), "magnitude", sparsity=DEEP, scope="global")
