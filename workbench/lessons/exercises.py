"""Questions with a right answer, judged by numbers that the session measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.edit import set_knobs
from workbench.core.recipe import Recipe
from workbench.lessons import answers, figures, limits, trial
from workbench.lessons.feedback import COMMON, verdict
from workbench.lessons.guesses import ONE_EPOCH, deep_recipe, pruned
from workbench.text import say

if TYPE_CHECKING:
    from workbench.lessons.feedback import Feedback
    from workbench.session import Session

HALF_TOLERANCE = 0.01
LIMIT_STEP = 0.05
LIMIT_POINTS = -3.0
HIGHEST = 0.999
STEP_BITS = 4
STEP_TOLERANCE = 0.01
GOAL_RATIO = 12.0
GOAL_POINTS = -1.0


async def half(session: Session, answer: object) -> Feedback:
    """The threshold that makes half of the weights zero."""
    threshold = answers.number(answer)
    recipe = set_knobs(Recipe(), "magnitude", threshold=threshold)
    outcome = await trial.measured(session, recipe)
    values = {
        "threshold": f"{threshold:.4g}",
        "share": figures.percent(outcome.network.sparsity),
    }
    gap = outcome.network.sparsity - 0.5
    if abs(gap) <= HALF_TOLERANCE:
        return COMMON.judged(session, "right", "half", values)
    return COMMON.judged(
        session, "wrong", "half.high" if gap > 0 else "half.low", values
    )


async def file(session: Session, answer: object) -> Feedback:
    """The bytes that zeros save in a file of float32."""
    saved = answers.number(answer)
    sizes = (await trial.measured(session, pruned(0.5))).sizes
    original = figures.original_bytes(session)
    values = {
        "original": figures.count(original),
        "float32": figures.count(sizes.float32.value),
        "packed": figures.count(sizes.packed.value),
        "saved": figures.count(saved),
    }
    is_right = saved == original - sizes.float32.value
    return COMMON.judged(session, verdict(is_right=is_right), "file", values)


async def limit(session: Session, answer: object) -> Feedback:
    """The largest sparsity, in steps, that costs no more than some points."""
    sparsity = answers.stepped(answer, LIMIT_STEP)
    ladder = limits.Ladder(pruned, LIMIT_STEP, HIGHEST, LIMIT_POINTS)
    return await limits.furthest(session, COMMON, sparsity, ladder)


async def survivors(session: Session, answer: object) -> Feedback:
    """How many weights are not zero after retraining."""
    counted = answers.number(answer)
    before = await trial.measured(session, deep_recipe())
    after = await trial.retrained(session, deep_recipe(), ONE_EPOCH)
    kept = figures.kept(after)
    values = {
        "answer": figures.count(counted),
        "before": figures.count(figures.kept(before)),
        "after": figures.count(kept),
        "weights": figures.count(after.network.parameters),
    }
    if counted == kept:
        return COMMON.judged(session, "right", "survivors", values)
    key = "survivors.all" if counted > kept else "survivors"
    return COMMON.judged(session, "wrong", key, values)


async def step(session: Session, answer: object) -> Feedback:
    """The step of a symmetric grid that covers the first kernel."""
    given = answers.number(answer)
    await trial.opened(session)
    site = session.sites[0]
    largest = float(np.abs(session.weights[site.path]).max())
    levels = 2 ** (STEP_BITS - 1) - 1
    right = largest / levels
    values = {
        "path": site.path,
        "bits": STEP_BITS,
        "largest": f"{largest:.4g}",
        "levels": levels,
        "step": f"{right:.4g}",
        "answer": f"{given:.4g}",
    }
    if abs(given - right) <= STEP_TOLERANCE * right:
        return COMMON.judged(session, "right", "step", values)
    if given == STEP_BITS:
        return COMMON.judged(session, "wrong", "step.bits", values)
    return COMMON.judged(
        session, "wrong", "step.low" if given < right else "step", values
    )


async def goal(session: Session, answer: object) -> Feedback:
    """A sparsity and bit width, retrained, that reach size and accuracy together."""
    sparsity, bits = map(answers.number, answers.pair(answer))
    recipe = set_knobs(Recipe(), "magnitude", sparsity=sparsity, scope="global")
    recipe = set_knobs(recipe, "uniform", bits=bits)
    before = await trial.measured(session, recipe)
    smaller = figures.ratio(session, before)
    values = {"ratio": f"{smaller:.1f}", "wanted": f"{GOAL_RATIO:.0f}"}
    if smaller < GOAL_RATIO:
        return COMMON.judged(session, "wrong", "goal.large", values)
    after = await trial.retrained(session, recipe, ONE_EPOCH)
    change = figures.change(session, after)
    named = [
        (say("lesson.before", session.lang), before),
        (say("lesson.after", session.lang), after),
    ]
    values |= {
        "before": figures.points(figures.change(session, before)),
        "after": figures.points(change),
        "limit": figures.points(GOAL_POINTS),
    }
    table = figures.settings(session, named)
    if change < GOAL_POINTS:
        return COMMON.judged(session, "wrong", "goal.inaccurate", values, table)
    return COMMON.judged(session, "right", "goal", values, table)
