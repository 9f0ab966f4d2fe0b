"""The best choices against trying all of them."""

import itertools

import numpy as np
import pytest

from workbench.core import frontier as module
from workbench.core.frontier import frontier


def kernels(seed, count=4, levels=5):
    rng = np.random.default_rng(seed)
    costs = [np.sort(rng.integers(1, 200, levels)).astype(float) for _ in range(count)]
    return costs, [np.sort(rng.random(levels))[::-1] for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_every_budget_is_answered_as_by_trying_all(seed):
    costs, errors = kernels(seed)
    found = frontier(costs, errors)
    assert (np.diff(found.costs) > 0).all()
    assert (np.diff(found.errors) < 0).all()
    picks = list(itertools.product(range(5), repeat=4))
    cost = np.array([sum(c[k] for c, k in zip(costs, p, strict=True)) for p in picks])
    error = np.array([sum(e[k] for e, k in zip(errors, p, strict=True)) for p in picks])
    for budget in range(int(cost.min()), int(cost.max()) + 5, 7):
        point = found.point(budget)
        assert found.errors[point] == pytest.approx(error[cost <= budget].min())
        levels = found.levels(point)
        chosen = sum(c[k] for c, k in zip(costs, levels, strict=True))
        assert chosen == found.costs[point] <= budget


def test_below_the_smallest_it_is_the_smallest():
    costs, errors = kernels(9)
    found = frontier(costs, errors)
    assert found.costs[found.point(0)] == sum(cost.min() for cost in costs)


def test_thinned_out_it_stays_near(monkeypatch):
    costs, errors = kernels(3, count=6, levels=8)
    exact = frontier(costs, errors)
    monkeypatch.setattr(module, "MOST_POINTS", 60)
    thin = frontier(costs, errors)
    assert thin.costs.size <= 60 < exact.costs.size
    assert thin.costs[0] == exact.costs[0]
    assert thin.errors[-1] == pytest.approx(exact.errors[-1])
    for budget in np.linspace(exact.costs[0], exact.costs[-1], 20):
        best = exact.errors[exact.point(budget)]
        roomier = exact.errors[exact.point(0.85 * budget)]
        assert best <= thin.errors[thin.point(budget)] + 1e-12
        assert thin.errors[thin.point(budget)] <= roomier + 1e-12
