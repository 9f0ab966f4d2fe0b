"""Questions about bits, judged by numbers that the session measured."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.edit import set_knobs
from workbench.core.errors import UserError
from workbench.core.recipe import Recipe
from workbench.lessons import answers, figures, limits, trial
from workbench.lessons.feedback import Voice, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.core.snapshot import Outcome
    from workbench.lessons.feedback import Feedback
    from workbench.session import Session

VOICE = Voice("lesson_quantization")
FEW_BITS = 3
LEAST_BITS = 2
LIMIT_POINTS = -0.5
ZEROS_TOLERANCE = 0.01
ERROR_TOLERANCE = 0.02
GRANULARITIES = ("tensor", "channel")

# From the naive form on, each one repairs one thing more.
FORMS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "naive": {"granularity": "tensor"},
        "channel": {"granularity": "channel"},
        "range": {"granularity": "channel", "range": "mse"},
        "feedback": {
            "granularity": "channel",
            "range": "mse",
            "rounding": "feedback",
        },
    }
)


def rounded(form: str, bits: float) -> Recipe:
    """Every kernel rounded to a grid in one of the forms.

    Raises:
        UserError: If the bits are no bit width.
    """
    return set_knobs(Recipe(), "uniform", bits=bits, **FORMS[form])


async def naive(session: Session, guess: object) -> Feedback:
    """What accuracy a few bits leave, with one step a kernel."""
    guessed = answers.share(guess)
    outcome = await trial.measured(session, rounded("naive", FEW_BITS))
    return VOICE.shown(
        session,
        "reveal.naive",
        guess=figures.percent(guessed),
        bits=FEW_BITS,
        score=figures.percent(figures.score(outcome)),
        original=figures.percent(session.original.score),
        zeros=figures.percent(outcome.network.sparsity),
    )


async def granularity(session: Session, guess: object) -> Feedback:
    """Whether one step a kernel or one a channel keeps more accuracy."""
    guessed = answers.word(guess, GRANULARITIES)
    named = await _forms(session, ("naive", "channel"), FEW_BITS)
    overall, each = (outcome for _, outcome in named)
    return VOICE.shown(
        session,
        "reveal.granularity",
        figures.settings(session, named),
        guess=guessed,
        bits=FEW_BITS,
        tensor=figures.percent(figures.score(overall)),
        channel=figures.percent(figures.score(each)),
        more=figures.count(each.sizes.dense.value - overall.sizes.dense.value),
    )


async def feedback(session: Session, guess: object) -> Feedback:
    """What accuracy is won where each error is passed on to the weights after it."""
    guessed = answers.share(guess)
    named = await _forms(session, ("range", "feedback"), LEAST_BITS)
    nearest, passed_on = (outcome for _, outcome in named)
    return VOICE.shown(
        session,
        "reveal.feedback",
        figures.settings(session, named),
        guess=figures.percent(guessed),
        bits=LEAST_BITS,
        nearest=figures.percent(figures.score(nearest)),
        feedback=figures.percent(figures.score(passed_on)),
    )


async def levels(session: Session, answer: object) -> Feedback:
    """How many values a weight of the first kernel can take."""
    counted = answers.number(answer)
    outcome = await trial.measured(session, rounded("naive", FEW_BITS))
    path = session.sites[0].path
    sizes = np.abs(outcome.network.tensors[path].dense)
    # The largest is that many steps from zero, on either side.
    top = round(float(sizes.max() / sizes[sizes > 0].min()))
    found = 2 * top + 1
    values = {
        "answer": figures.count(counted),
        "path": path,
        "bits": FEW_BITS,
        "found": found,
        "top": top,
        "codes": 2**FEW_BITS,
    }
    state = verdict(is_right=counted == found)
    return VOICE.judged(session, state, "levels", values)


async def zeros(session: Session, answer: object) -> Feedback:
    """What share of the first kernel one large weight rounds to zero."""
    given = answers.share(answer)
    outcome = await trial.measured(session, rounded("naive", FEW_BITS))
    path = session.sites[0].path
    tensor = outcome.network.tensors[path]
    share = 1 - tensor.nonzeros / tensor.dense.size
    weights = np.abs(session.weights[path])
    values = {
        "answer": figures.percent(given),
        "share": figures.percent(share),
        "path": path,
        "largest": f"{weights.max():.4g}",
        "typical": f"{np.median(weights):.4g}",
        "step": f"{weights.max() / (2 ** (FEW_BITS - 1) - 1):.4g}",
    }
    state = verdict(is_right=abs(given - share) <= ZEROS_TOLERANCE)
    return VOICE.judged(session, state, "zeros", values)


async def plain(session: Session, answer: object) -> Feedback:
    """The fewest bits that lose little in the naive form."""
    return await _fewest(session, answer, "naive")


async def repaired(session: Session, answer: object) -> Feedback:
    """The fewest bits that lose little with all repairs."""
    return await _fewest(session, answer, "feedback")


async def step(session: Session, answer: object) -> Feedback:
    """The step of three levels that leaves the least squared error."""
    given = answers.number(answer)
    if given <= 0:
        raise UserError("lesson_quantization.positive", received=repr(answer))
    await trial.opened(session)
    path = session.sites[0].path
    weights = session.weights[path]
    best_step, least = _best_step(weights)
    error = figures.error(weights, given * np.clip(np.round(weights / given), -1, 1))
    largest = float(np.abs(weights).max())
    covering = figures.error(weights, largest * np.round(weights / largest))
    values = {
        "answer": f"{given:.4g}",
        "step": f"{best_step:.4g}",
        "largest": f"{largest:.4g}",
        "error": figures.percent(error),
        "least": figures.percent(least),
        "covering": figures.percent(covering),
        "path": path,
    }
    if error <= least * (1 + ERROR_TOLERANCE):
        return VOICE.judged(session, "right", "step", values)
    name = "step.low" if given < best_step else "step.high"
    return VOICE.judged(session, "wrong", name, values)


async def distance(session: Session, answer: object) -> Feedback:
    """Whether passing errors on leaves the weights closer to the original's."""
    word = answers.word(answer, answers.DISTANCES)
    named = await _forms(session, ("range", "feedback"), LEAST_BITS)
    path = session.sites[0].path
    weights = session.weights[path]
    nearest, passed_on = (
        figures.error(weights, outcome.network.tensors[path].dense)
        for _, outcome in named
    )
    values = {
        "answer": word,
        "path": path,
        "nearest": figures.percent(nearest),
        "feedback": figures.percent(passed_on),
        "nearest_score": figures.percent(figures.score(named[0][1])),
        "feedback_score": figures.percent(figures.score(named[1][1])),
    }
    truth = "closer" if passed_on < nearest else "farther"
    state = verdict(is_right=word == truth)
    return VOICE.judged(session, state, "distance", values)


async def _fewest(session: Session, answer: object, form: str) -> Feedback:
    """Judge the fewest bits of a form that cost no more than some points."""
    ladder = limits.Ladder(
        lambda width: rounded(form, width),
        step=-1,
        last=LEAST_BITS,
        points=LIMIT_POINTS,
        show=figures.count,
        name="fewest",
        why=f"fewest.{form}",
    )
    return await limits.furthest(session, VOICE, answers.number(answer), ladder)


async def _forms(
    session: Session, forms: tuple[str, ...], bits: int
) -> list[tuple[str, Outcome]]:
    """Some forms at the same bits, by what to call them."""
    return [
        (
            VOICE.word(session, f"form.{form}"),
            await trial.measured(session, rounded(form, bits)),
        )
        for form in forms
    ]


def _best_step(weights: np.ndarray) -> tuple[float, float]:
    """The step of three levels with the least squared error, and that error's share.

    With the k largest magnitudes at one step and the rest at zero, their mean is the
    best step, and it explains ``k mean**2`` of the sum of squares. Every k is tried.
    """
    sizes = np.sort(np.abs(weights).ravel().astype(np.float64))[::-1]
    means = np.cumsum(sizes) / np.arange(1, sizes.size + 1)
    kept = means**2 * np.arange(1, sizes.size + 1)
    best = int(kept.argmax())
    return float(means[best]), float(1 - kept[best] / np.vdot(sizes, sizes))
