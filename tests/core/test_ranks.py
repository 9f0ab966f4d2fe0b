"""Ranks of several kernels within one number of weights."""

from itertools import product

import numpy as np
import pytest

from workbench.core.ranks import allocated


def offers(seed, ranks=6):
    """Kernels whose error falls by less with each rank, and ends with none."""
    rng = np.random.default_rng(seed)
    made = []
    for side in (3, 5, 9):
        energy = np.sort(rng.exponential(size=ranks))[::-1]
        errors = 1 - np.cumsum(energy) / energy.sum()
        weights = side * np.arange(1, ranks + 1).astype(float)
        made.append((weights, errors))
    return made


def total(made, places, which):
    return sum(points[which][i] for points, i in zip(made, places, strict=True))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_no_ranks_of_fewer_weights_err_less(seed, share):
    """At most one step, of the largest kernel, is left unspent."""
    made = offers(seed)
    budget = share * sum(weights[-1] for weights, _ in made)
    places = allocated(made, budget)
    assert total(made, places, 0) <= budget
    every = product(*(range(len(weights)) for weights, _ in made))
    fewer = [each for each in every if total(made, each, 0) <= budget - 9]
    least = min((total(made, each, 1) for each in fewer), default=np.inf)
    assert total(made, places, 1) <= least + 1e-12


def test_a_kernel_alone_takes_the_best_point_that_fits_on_the_hull_or_not():
    weights = np.array([10.0, 20.0, 30.0, 40.0, 41.0])
    errors = np.array([0.5, 0.4, 0.35, 0.34, 0.0])
    for budget, place in ((10, 0), (25, 1), (30, 2), (40.5, 3), (41, 4), (99, 4)):
        assert allocated([(weights, errors)], budget) == [place]


def test_where_nothing_fits_the_fewest_weights_are_taken():
    made = offers(0)
    assert allocated(made, 1.0) == [0, 0, 0]


def test_points_with_more_weights_and_no_less_error_are_never_taken():
    weights = np.array([10.0, 5.0, 20.0, 20.0, 30.0])
    errors = np.array([0.3, 0.3, np.inf, 0.1, 0.0])
    assert allocated([(weights, errors)], 20) == [3]
    assert allocated([(weights, errors)], 19) == [1]
