"""Questions about products of thin kernels, judged by what the session measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workbench.core.errors import UserError
from workbench.core.low_rank import Matrices
from workbench.lessons import answers, figures, limits, trial
from workbench.lessons.feedback import verdict
from workbench.lessons.products import (
    FEW,
    HALF,
    VOICE,
    alone,
    both,
    convolutions_of,
    first_of,
    together,
)

if TYPE_CHECKING:
    from workbench.core.tensor import Site
    from workbench.lessons.feedback import Feedback
    from workbench.session import Session

LARGE_RANK = 250
NEARLY = 0.9
LIMIT_STEP = 0.05
LIMIT_POINTS = -1.0


async def count(session: Session, answer: object) -> Feedback:
    """The weights of two factors of a rank beyond the break-even."""
    counted = answers.number(answer)
    site, matrices = await first_of(session)
    found = LARGE_RANK * (matrices.rows + matrices.columns)
    values = _of(site, matrices) | {
        "answer": figures.count(counted),
        "rank": LARGE_RANK,
        "found": figures.count(found),
    }
    state = verdict(is_right=counted == found)
    return VOICE.judged(session, state, "count", values)


async def even(session: Session, answer: object) -> Feedback:
    """The largest rank whose factors have fewer weights than the kernel."""
    rank = answers.number(answer)
    site, matrices = await first_of(session)
    found = math.ceil(matrices.break_even) - 1
    values = _of(site, matrices) | {
        "rank": figures.count(rank),
        "given": figures.count(rank * (matrices.rows + matrices.columns)),
        "even": f"{matrices.break_even:.2f}",
    }
    if rank == found:
        return VOICE.judged(session, "right", "even", values)
    name = "even.high" if rank > found else "even.low"
    return VOICE.judged(session, "wrong", name, values)


async def kernel(session: Session, answer: object) -> Feedback:
    """The kernel that loses most where each has the same share of its weights."""
    await trial.opened(session)
    matrices = {site.path: Matrices.of(site) for site in session.sites}
    known = {path: each for path, each in matrices.items() if each is not None}
    path = answers.word(answer, tuple(known))
    found = {each: await _alone(session, each, known[each], HALF) for each in known}
    worst = min(found, key=lambda each: found[each].change)
    first = found[next(iter(found))]
    near = await _alone(session, worst, known[worst], NEARLY)
    values = {
        "answer": path,
        "worst": worst,
        "share": figures.percent(HALF),
        "lost": figures.points(found[path].change),
        "near": near.row[1],
        "near_error": figures.percent(near.error),
        "near_lost": figures.points(near.change),
        "first": first.row[0],
        "first_error": figures.percent(first.error),
        "first_lost": figures.points(first.change),
    }
    if path != worst:
        return VOICE.judged(session, "wrong", "kernel", values)
    words = ("kernel", "rank", "saved", "error", "change")
    rows = [*(each.row for each in found.values()), near.row]
    table = VOICE.table(session, words, rows)
    return VOICE.judged(session, "right", "kernel", values, table)


async def distance(session: Session, answer: object) -> Feedback:
    """Whether factors that follow what is seen are closer to the kernel."""
    word = answers.word(answer, answers.DISTANCES)
    site, matrices = await first_of(session)
    named = await both(session, site.path)
    whole = session.weights[site.path]
    made = [outcome.network.tensors[site.path].dense for _, outcome in named]
    plain, seeing = (figures.error(whole, dense) for dense in made)
    values = {
        "answer": word,
        "path": site.path,
        "rank": matrices.rank(FEW),
        "plain": figures.percent(plain),
        "aware": figures.percent(seeing),
        "plain_outputs": figures.percent(_outputs_error(session, site.path, made[0])),
        "aware_outputs": figures.percent(_outputs_error(session, site.path, made[1])),
    }
    truth = "closer" if seeing < plain else "farther"
    state = verdict(is_right=word == truth)
    return VOICE.judged(session, state, "distance", values)


async def limit(session: Session, answer: object) -> Feedback:
    """The smallest share of the weights, in steps, that costs little."""
    share = answers.stepped(answer, LIMIT_STEP)
    ladder = limits.Ladder(together, -LIMIT_STEP, LIMIT_STEP, LIMIT_POINTS)
    return await limits.furthest(session, VOICE, share, ladder)


async def tucker(session: Session, answer: object) -> Feedback:
    """The weights of the three factors of the largest convolution."""
    counted = answers.number(answer)
    await trial.opened(session)
    site = max(convolutions_of(session), key=lambda each: each.parameters)
    *window, inputs, outputs = site.shape
    ranks = (inputs // 2, outputs // 2)
    parts = (inputs * ranks[0], math.prod((*window, *ranks)), ranks[1] * outputs)
    values = {
        "answer": figures.count(counted),
        "path": site.path,
        "shape": figures.shape(site.shape),
        "r": ranks[0],
        "s": ranks[1],
        "first": figures.count(parts[0]),
        "core": figures.count(parts[1]),
        "last": figures.count(parts[2]),
        "found": figures.count(sum(parts)),
        "whole": figures.count(site.parameters),
    }
    state = verdict(is_right=counted == sum(parts))
    return VOICE.judged(session, state, "tucker", values)


def _of(site: Site, matrices: Matrices) -> dict[str, object]:
    return {
        "path": site.path,
        "rows": matrices.rows,
        "columns": matrices.columns,
        "whole": figures.count(site.parameters),
    }


class Alone(NamedTuple):
    """What the nearest factors of one kernel alone cost."""

    row: tuple[str, ...]
    error: float
    change: float


async def _alone(
    session: Session, path: str, matrices: Matrices, share: float
) -> Alone:
    outcome = await trial.measured(session, alone(path, share, is_aware=False))
    whole, dense = session.weights[path], outcome.network.tensors[path].dense
    rank = matrices.rank(share)
    saved = whole.size - rank * (matrices.rows + matrices.columns)
    error, change = figures.error(whole, dense), figures.change(session, outcome)
    row = (
        path,
        f"{rank} / {matrices.full}",
        figures.count(saved),
        figures.percent(error),
        figures.points(change),
    )
    return Alone(row, error, change)


def _outputs_error(session: Session, path: str, dense: np.ndarray) -> float:
    """Squared error of a layer's outputs around their mean, relative to theirs."""
    site = next(site for site in session.sites if site.path == path)
    matrices = Matrices.of(site)
    assert matrices is not None
    if site.gram is None:
        raise UserError("session.no_training_data")
    moments = site.gram.moments[0].astype(np.float64)
    mean = site.gram.mean[0].astype(np.float64)
    spread = moments - np.outer(mean, mean)
    whole = matrices.matrix(session.weights[path])
    gap = whole - matrices.matrix(dense)
    lost, all_ = (float(np.vdot(part, spread @ part)) for part in (gap, whole))
    return lost / all_
