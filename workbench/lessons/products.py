"""Products of thin kernels: settings, what is shown of them, and what one may guess."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workbench.core.edit import set_knobs
from workbench.core.errors import UserError
from workbench.core.low_rank import Matrices, spectrum_of
from workbench.core.recipe import Recipe
from workbench.lessons import answers, figures, trial
from workbench.lessons.feedback import Voice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.core.snapshot import Outcome
    from workbench.core.tensor import Site
    from workbench.lessons.feedback import Feedback
    from workbench.session import Session

VOICE = Voice("lesson_factorization")
HALF = 0.5
FEW = 0.15
SHARES = (1.15, 0.9, 0.75, 0.5, 0.25, 0.15, 0.05)
STEPS = ("svd", "tucker")


def same(share: float) -> Recipe:
    """The nearest factors of every kernel, each with the same share of its weights."""
    how = {"data_aware": False, "scope": "tensor"}
    return set_knobs(Recipe(), "svd", rank=share, **how)


def alone(path: str, share: float, *, is_aware: bool) -> Recipe:
    """One kernel alone as factors."""
    return set_knobs(Recipe(), "svd", target=path, rank=share, data_aware=is_aware)


def together(share: float) -> Recipe:
    """All kernels with a share of their weights, spent where it keeps most.

    Raises:
        UserError: If it is no share that can be left.
    """
    return set_knobs(Recipe(), "svd", rank=share)


async def naive(session: Session, guess: object) -> Feedback:
    """What accuracy the nearest factors leave, the same share for every kernel."""
    guessed = answers.share(guess)
    outcome = await trial.measured(session, same(HALF))
    return VOICE.shown(
        session,
        "reveal.naive",
        guess=figures.percent(guessed),
        share=figures.percent(HALF),
        score=figures.percent(figures.score(outcome)),
        original=figures.percent(session.original.score),
    )


async def aware(session: Session, guess: object) -> Feedback:
    """What accuracy factors reach that follow what the layer sees."""
    guessed = answers.share(guess)
    site, matrices = await first_of(session)
    named = await both(session, site.path)
    plain, seeing = (outcome for _, outcome in named)
    return VOICE.shown(
        session,
        "reveal.aware",
        figures.settings(session, named),
        guess=figures.percent(guessed),
        path=site.path,
        rank=matrices.rank(FEW),
        plain=figures.percent(figures.score(plain)),
        aware=figures.percent(figures.score(seeing)),
    )


async def windows(session: Session, guess: object) -> Feedback:
    """Whether two or three factors of the convolutions keep more accuracy."""
    guessed = answers.word(guess, STEPS)
    await trial.opened(session)
    named: list[tuple[str, Outcome]] = []
    for step in STEPS:
        recipe = Recipe()
        for site in convolutions_of(session):
            recipe = set_knobs(recipe, step, target=site.path, rank=HALF)
        word = VOICE.word(session, f"form.{step}")
        named.append((word, await trial.measured(session, recipe)))
    two, three = (figures.percent(figures.score(outcome)) for _, outcome in named)
    table = figures.settings(session, named)
    values = {"guess": guessed, "share": figures.percent(HALF)}
    return VOICE.shown(
        session, "reveal.windows", table, svd=two, tucker=three, **values
    )


async def ranks(session: Session) -> Feedback:
    """What some ranks of the first kernel cost and lose, nearest factors of each."""
    site, matrices = await first_of(session)
    spectrum = spectrum_of(session.weights[site.path], site, None)
    assert spectrum is not None
    rows: list[tuple[str, ...]] = []
    for rank in (min(matrices.rank(share), matrices.full) for share in SHARES):
        weights = rank * (matrices.rows + matrices.columns)
        rows.append(
            (
                str(rank),
                figures.count(weights),
                figures.percent(weights / site.parameters),
                figures.percent(float(spectrum.errors[rank])),
            )
        )
    table = VOICE.table(session, ("rank", "weights", "share", "error"), rows)
    return VOICE.shown(session, "ranks", table, path=site.path)


async def layers(session: Session) -> Feedback:
    """The kernels of the model that is saved, beside those of the original."""
    # Imported late: TensorFlow takes seconds.
    from workbench.engine.layers import variables
    from workbench.engine.realize import realize

    outcome = await trial.measured(session, session.recipe)
    model = realize(session.workload, outcome.network)
    rows: list[tuple[str, ...]] = []
    for site in session.sites:
        owner = site.path.rpartition("/")[0]
        made = [
            figures.shape(variable.shape)
            for address, variable in variables(model).items()
            if address.startswith(f"{owner}/") and len(variable.shape) > 1
        ]
        rows.append((site.path, figures.shape(site.shape), " → ".join(made)))
    return VOICE.shown(
        session,
        "layers",
        VOICE.table(session, ("kernel", "before", "after"), rows),
        before=figures.count(session.workload.model.count_params()),
        after=figures.count(model.count_params()),
    )


async def first_of(session: Session) -> tuple[Site, Matrices]:
    """The first kernel that is a matrix.

    Raises:
        UserError: If there is none.
    """
    await trial.opened(session)
    for site in session.sites:
        matrices = Matrices.of(site)
        if matrices is not None:
            return site, matrices
    raise UserError("lesson_factorization.no_matrix")


def convolutions_of(session: Session) -> list[Site]:
    """The convolutions with a window and several channels on either side.

    Raises:
        UserError: If there is none.
    """
    found = [site for site in session.sites if _has_window(site)]
    if not found:
        raise UserError("lesson_factorization.no_convolution")
    return found


def _has_window(site: Site) -> bool:
    matrices = Matrices.of(site)
    is_windowed = matrices is not None and math.prod(matrices.window) > 1
    return is_windowed and min(site.shape[-2:]) > 1


async def both(session: Session, path: str) -> Sequence[tuple[str, Outcome]]:
    """The nearest factors of a kernel, and those that follow what it sees."""
    await trial.opened(session)
    return [
        (
            VOICE.word(session, f"form.{'aware' if is_aware else 'plain'}"),
            await trial.measured(session, alone(path, FEW, is_aware=is_aware)),
        )
        for is_aware in (False, True)
    ]
