"""Questions about codebooks and coding, judged by what the session measured."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.codebooks import coded, tables_of
from workbench.core.edit import set_knobs
from workbench.core.recipe import Recipe
from workbench.lessons import answers, figures, limits, trial
from workbench.lessons.feedback import verdict
from workbench.lessons.shared_values import (
    FEW,
    SPARSITY,
    VOICE,
    clustered,
    coders,
    entropy,
    repaired,
    sparse,
    symbols_of,
    written,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.lessons.feedback import Feedback
    from workbench.session import Session

COUNT = 16
FLOAT_BYTES = 4
LIMIT_POINTS = -0.5
ENTROPY_TOLERANCE = 0.01
GOAL_BYTES = 40_000
GOAL_POINTS = -1.0


async def indexes(session: Session, answer: object) -> Feedback:
    """The bytes of the first kernel's indexes and of its codebook."""
    counted = answers.number(answer)
    await trial.opened(session)
    site = session.sites[0]
    bits = COUNT.bit_length() - 1
    part, table = site.parameters * bits / 8, COUNT * FLOAT_BYTES
    values = {
        "answer": figures.count(counted),
        "path": site.path,
        "weights": figures.count(site.parameters),
        "count": COUNT,
        "bits": bits,
        "indexes": figures.count(part),
        "table": table,
        "found": figures.count(part + table),
        "original": figures.count(FLOAT_BYTES * site.parameters),
    }
    state = verdict(is_right=counted == part + table)
    return VOICE.judged(session, state, "indexes", values)


async def fewest(session: Session, answer: object) -> Feedback:
    """The fewest bits of an index that cost no more than some points."""
    bits = answers.number(answer)
    ladder = limits.Ladder(
        lambda width: clustered(2**width),
        step=-1,
        last=1,
        points=LIMIT_POINTS,
        show=lambda width: figures.count(2**width),
        name="fewest",
    )
    return await limits.furthest(session, VOICE, bits, ladder)


async def zeros(session: Session, answer: object) -> Feedback:
    """How many weights are zero where zeros go to the nearest of four even values."""
    counted = answers.number(answer)
    recipe = set_knobs(Recipe(), "magnitude", sparsity=SPARSITY, scope="global")
    pruned = (await trial.measured(session, recipe)).network
    kernels = [tensor.dense for tensor in pruned.tensors.values()]
    even = [coded(each, _even(each)).decode() for each in kernels]
    means = [coded(each, tables_of(each, FEW)).decode() for each in kernels]
    left, by_means = (sum(map(_zeros, made)) for made in (even, means))
    values = {
        "answer": figures.count(counted),
        "left": figures.count(left),
        "means": figures.count(by_means),
        "pruned": figures.count(sum(map(_zeros, kernels))),
        "path": session.sites[0].path,
        "nearest": f"{even[0].flat[np.abs(even[0]).argmin()]:.2g}",
    }
    state = verdict(is_right=counted == left)
    return VOICE.judged(session, state, "zeros", values)


async def bound(session: Session, answer: object) -> Feedback:
    """The entropy of the first kernel's values, in bits a weight."""
    given = answers.number(answer)
    outcome = await trial.measured(session, sparse(SPARSITY, FEW))
    tensor = outcome.network.tensors[session.sites[0].path]
    bits = entropy(symbols_of(tensor))
    found = coders([tensor])
    values = {
        "answer": f"{given:.4g}",
        "bits": f"{bits:.3f}",
        "path": session.sites[0].path,
        **{name: figures.count(nbytes) for name, nbytes in found.items()},
    }
    is_right = abs(given - bits) <= ENTROPY_TOLERANCE * bits
    return VOICE.judged(session, verdict(is_right=is_right), "bound", values)


async def goal(session: Session, answer: object) -> Feedback:
    """A sparsity and a number of values that reach bytes and accuracy together."""
    sparsity, count = map(answers.number, answers.pair(answer))
    outcome = await trial.measured(session, repaired(sparsity, count))
    with tempfile.TemporaryDirectory() as folder:
        nbytes = written(session, outcome, Path(folder)).bytes.value
    change = figures.change(session, outcome)
    values = {
        "bytes": figures.count(nbytes),
        "wanted": figures.count(GOAL_BYTES),
        "change": figures.points(change),
        "limit": figures.points(GOAL_POINTS),
        "ratio": f"{figures.original_bytes(session) / nbytes:.0f}",
    }
    if nbytes > GOAL_BYTES:
        return VOICE.judged(session, "wrong", "goal.large", values)
    state = verdict(is_right=change >= GOAL_POINTS)
    return VOICE.judged(session, state, "goal", values)


def _even(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A few values at even distances from the smallest weight to the largest."""
    return np.linspace(values.min(), values.max(), FEW, dtype=np.float32)


def _zeros(values: NDArray[np.float32]) -> int:
    return int(values.size - np.count_nonzero(values))
