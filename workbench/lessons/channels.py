"""Questions about whole channels, judged by numbers that the session measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.edit import set_knobs, set_repair
from workbench.core.recipe import Recipe
from workbench.lessons import answers, figures, limits, trial
from workbench.lessons.feedback import Voice, verdict

if TYPE_CHECKING:
    from workbench.core.snapshot import Outcome
    from workbench.engine.workload import Workload
    from workbench.lessons.feedback import Feedback
    from workbench.session import Session

VOICE = Voice("lesson_structure")
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
    return VOICE.shown(session, "reveal.score", table, **values)


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
    return VOICE.shown(session, "reveal.repair", None, **values)


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
    state = verdict(is_right=counted == left)
    return VOICE.judged(session, state, "masked", values)


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
        "shape": figures.shape(after),
    }
    state = verdict(is_right=counted == after[-1])
    return VOICE.judged(session, state, "units", values)


async def limit(session: Session, answer: object) -> Feedback:
    """The largest share, in steps, that costs no more than some points."""
    share = answers.stepped(answer, LIMIT_STEP)
    ladder = limits.Ladder(repaired, LIMIT_STEP, HIGHEST, LIMIT_POINTS)
    return await limits.furthest(session, VOICE, share, ladder)


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
                VOICE.word(session, f"form.{name}"),
                " → ".join(str(kernel.shape[-1]) for kernel in model.weights.values()),
                figures.count(_multiplications(model)),
                figures.count(4 * model.model.count_params()),
                figures.percent(figures.score(outcome)),
            )
        )
    words = ("setting", "outputs", "multiplications", "bytes", "accuracy")
    return VOICE.shown(session, "running", VOICE.table(session, words, rows))


def _running(session: Session, outcome: Outcome) -> Workload:
    """The model that is saved, without the channels of which nothing is left."""
    # Imported late: TensorFlow takes seconds.
    from workbench.engine.shrink import shrink

    assert session.workload is not None
    return shrink(session.workload, outcome.network)[0]


def _multiplications(workload: Workload) -> int:
    """Multiplications of one sample, counted in the model that runs."""
    return sum(site.macs or 0 for site in workload.sites)
