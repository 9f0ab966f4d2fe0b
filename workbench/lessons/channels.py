"""Questions about whole channels, judged by numbers that the session measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.edit import set_knobs, set_repair
from workbench.core.errors import UserError
from workbench.core.recipe import Recipe
from workbench.lessons import answers, figures, trial
from workbench.lessons.feedback import Feedback, Table, judged, shown
from workbench.text import say

if TYPE_CHECKING:
    from workbench.core.snapshot import Outcome
    from workbench.engine.workload import Workload
    from workbench.session import Session

AREA = "lesson_structure"
HALF = 0.5
DEEP = 0.75
LIMIT_STEP = 0.1
LIMIT_POINTS = -3.0
HIGHEST = 0.9
SCORES = ("norm", "obs")


def scattered(share: float) -> Recipe:
    """A share of every kernel's weights at zero, wherever the smallest are."""
    return set_knobs(Recipe(), "magnitude", sparsity=share, scope="tensor")


def whole(share: float, score: str = "obs") -> Recipe:
    """A share of all weights gone with whole channels.

    Raises:
        UserError: If it is no share that can go.
    """
    return set_knobs(Recipe(), "structured", sparsity=share, score=score)


def repaired(share: float) -> Recipe:
    """The same, with what is left refitted."""
    return set_repair(whole(share), is_on=True)


async def score(session: Session, guess: object) -> Feedback:
    """Whether the smallest channels go, or those that the others make up for."""
    guessed = answers.word(guess, SCORES)
    named = [
        (name, await trial.measured(session, whole(HALF, name))) for name in SCORES
    ]
    values = {
        "guess": guessed,
        "share": figures.percent(HALF),
        "norm": figures.percent(figures.score(named[0][1])),
        "obs": figures.percent(figures.score(named[1][1])),
    }
    table = figures.settings(session, named)
    return shown(AREA, session.lang, "score", values, table=table)


async def repair(session: Session, guess: object) -> Feedback:
    """What accuracy a refit of the channels that are left brings back."""
    guessed = answers.share(guess)
    before = await trial.measured(session, whole(DEEP))
    after = await trial.measured(session, repaired(DEEP))
    values = {
        "guess": figures.percent(guessed),
        "share": figures.percent(DEEP),
        "before": figures.percent(figures.score(before)),
        "after": figures.percent(figures.score(after)),
    }
    return shown(AREA, session.lang, "repair", values)


async def masked(session: Session, answer: object) -> Feedback:
    """The multiplications that scattered zeros leave."""
    counted = answers.number(answer)
    outcome = await trial.measured(session, scattered(HALF))
    left = _multiplications(_running(session, outcome))
    values = {
        "answer": figures.count(counted),
        "share": figures.percent(outcome.network.sparsity),
        "left": figures.count(left),
    }
    state = "right" if counted == left else "wrong"
    return judged(AREA, session.lang, state, "masked", values)


async def units(session: Session, answer: object) -> Feedback:
    """The outputs that the first kernel has left in the smaller model."""
    counted = answers.number(answer)
    outcome = await trial.measured(session, whole(HALF))
    path = session.sites[0].path
    before = session.sites[0].shape
    after = _running(session, outcome).weights[path].shape
    values = {
        "answer": figures.count(counted),
        "path": path,
        "before": before[-1],
        "after": after[-1],
        "shape": "×".join(map(str, after)),
    }
    state = "right" if counted == after[-1] else "wrong"
    return judged(AREA, session.lang, state, "units", values)


async def limit(session: Session, answer: object) -> Feedback:
    """The largest share, in steps, that costs no more than some points."""
    share = answers.share(answer)
    steps = share / LIMIT_STEP
    if abs(steps - round(steps)) > 1e-6:  # noqa: PLR2004 - rounding of the division
        raise UserError("lesson_structure.steps", received=repr(answer))
    here = await _change_at(session, share)
    values = {
        "share": figures.percent(share),
        "here": figures.points(here),
        "limit": figures.points(LIMIT_POINTS),
    }
    if here < LIMIT_POINTS:
        return judged(AREA, session.lang, "wrong", "limit.high", values)
    further = min(round(share + LIMIT_STEP, 9), HIGHEST)
    there = await _change_at(session, further)
    values |= {"further": figures.percent(further), "there": figures.points(there)}
    if there >= LIMIT_POINTS and further > share:
        return judged(AREA, session.lang, "wrong", "limit.low", values)
    return judged(AREA, session.lang, "right", "limit", values)


async def running(session: Session) -> Feedback:
    """What runs once it is saved: the original, with zeros, without channels."""
    recipes = {
        "original": Recipe(),
        "scattered": scattered(HALF),
        "whole": repaired(HALF),
    }
    rows: list[tuple[str, ...]] = []
    for name, recipe in recipes.items():
        outcome = await trial.measured(session, recipe)
        model = _running(session, outcome)
        rows.append(
            (
                say(f"{AREA}.form.{name}", session.lang),
                " → ".join(str(kernel.shape[-1]) for kernel in model.weights.values()),
                figures.count(_multiplications(model)),
                figures.count(4 * model.model.count_params()),
                figures.percent(figures.score(outcome)),
            )
        )
    words = ("setting", "outputs", "multiplications", "bytes", "accuracy")
    head = tuple(say(f"{AREA}.column.{word}", session.lang) for word in words)
    text = say(f"{AREA}.running", session.lang)
    return Feedback("shown", text, session.lang, Table(head, tuple(rows)))


def _running(session: Session, outcome: Outcome) -> Workload:
    """The model that is saved, without the channels of which nothing is left."""
    # Imported late: TensorFlow takes seconds.
    from workbench.engine.shrink import shrink

    assert session.workload is not None
    return shrink(session.workload, outcome.network)[0]


def _multiplications(workload: Workload) -> int:
    """Multiplications of one sample, counted in the model that runs."""
    return sum(site.macs or 0 for site in workload.sites)


async def _change_at(session: Session, share: float) -> float:
    """Points won or lost where a share goes with whole channels, repaired."""
    return figures.change(session, await trial.measured(session, repaired(share)))
