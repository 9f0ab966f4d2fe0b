"""A wished size is met by coding what was decided, whatever the estimates were."""

from dataclasses import replace

import pytest

from workbench.core.decision import decide, key_of
from workbench.core.fit import SPARE, Fit
from workbench.core.level import Level, filled
from workbench.core.levels import Database
from workbench.core.recipe import Recipe, Retraining
from workbench.core.wish import Wish

TRIED = [
    Level(sparsity, 4, "channel", round(9000 * (1 - sparsity)) + 200, kept, error)
    for sparsity, kept, error in (
        *((0.0, 20_000, 0.001), (0.5, 10_000, 0.01), (0.8, 4000, 0.05)),
        *((0.9, 2000, 0.2), (0.95, 1000, 0.5), (0.99, 200, 0.9)),
    )
]


def fitted(database, wished, stream, others=1000):
    """What a wish comes to where the file takes another number of bytes."""
    first = decide(Recipe(wish=Wish(nbytes=wished)), database)
    fit, decision, tries = Fit(first, database), first, 0
    while decision is not None:
        tries += 1
        decision = fit.coded(decision, round(stream(decision.nbytes)), others)
    assert fit.best is not None
    assert fit.best.is_coded
    return fit.best, tries


def kernels(count=3):
    levels = filled(TRIED, 20_000)
    return Database({f"{i}/kernel": levels for i in range(count)}, 1000)


@pytest.mark.parametrize("rate", [0.7, 0.93, 1.0, 1.06, 1.3])
@pytest.mark.parametrize("wished", [4000, 9000, 20_000])
def test_the_file_fits_and_leaves_little_unused(rate, wished):
    best, tries = fitted(
        kernels(), wished, lambda nbytes: 1000 + rate * (nbytes - 1000)
    )
    assert (1 - SPARE) * wished <= best.nbytes <= wished
    assert tries <= 4


def test_biases_that_take_more_after_repair_are_made_room_for():
    best, tries = fitted(kernels(), 6000, lambda n: n + 2500, others=3500)
    assert (1 - SPARE) * 6000 <= best.nbytes <= 6000
    assert tries <= 3


def test_between_levels_that_are_far_apart_the_fitting_one_is_found():
    database = Database({"a/kernel": tuple(TRIED)}, 0)
    best, _ = fitted(database, 5000, lambda nbytes: 1.1 * nbytes, 0)
    assert (1 - SPARE) * 5000 <= best.nbytes <= 5000


def test_more_than_there_is_leaves_the_largest():
    best, tries = fitted(kernels(), 10**6, lambda nbytes: nbytes)
    assert best.nbytes == 1000 + 3 * TRIED[0].nbytes
    assert tries == 1


def test_what_cannot_be_met_comes_to_the_smallest():
    best, _ = fitted(kernels(), 100, lambda nbytes: 1.05 * nbytes)
    assert best.nbytes == round(1.05 * (1000 + 3 * TRIED[-1].nbytes))


def test_a_size_far_below_all_levels_is_answered_by_the_smallest():
    # What is carried on below them soon is no number any more.
    steep = (
        replace(TRIED[0], nbytes=1001, error=1e-300),
        replace(TRIED[-1], nbytes=1000, error=1e300),
    )
    recipe = Recipe(wish=Wish(nbytes=1))
    assert decide(recipe, Database({"a/kernel": steep}, 0)).nbytes == 1000


def test_an_unsteady_stream_still_fits():
    best, tries = fitted(kernels(), 9000, lambda n: 1.02 * n + 150 * (round(n) % 3))
    assert best.nbytes <= 9000
    assert tries <= 8


def test_retraining_has_no_part_in_the_answer():
    recipe = decide(Recipe(wish=Wish(nbytes=5000)), kernels()).recipe
    assert key_of(recipe) == Recipe(wish=recipe.wish)
    assert key_of(replace(recipe, retraining=Retraining())) == key_of(recipe)
    assert key_of(replace(recipe, seed=1)) != key_of(recipe)
