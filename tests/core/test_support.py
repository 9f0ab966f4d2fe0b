"""Which weights are kept: against every choice on tiny layers, and whose it is."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from workbench.core import support
from workbench.core.aims import Aim
from workbench.core.calibration import Bias, Gram
from workbench.core.reconstruction import least_squares
from workbench.core.step import TensorStep
from workbench.core.support import exchanged
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.block import Block
from workbench.methods.magnitude import Magnitude
from workbench.methods.n_of_m import NOfM
from workbench.methods.obs import Surgeon
from workbench.methods.reconstruct import Reconstruct


def seen(rng: np.random.Generator, inputs: int, groups: int = 1) -> Gram:
    mixed = rng.normal(size=(groups, inputs, inputs))
    x = rng.normal(size=(groups, 500, inputs)) @ mixed + 1
    moments = x.transpose(0, 2, 1) @ x / 500
    return Gram(
        moments.astype(np.float32), x.mean(1).astype(np.float32), 500, Bias("b")
    )


def largest(weights: np.ndarray, count: int) -> np.ndarray:
    cut = np.sort(np.abs(weights), axis=None)[-count]
    return np.abs(weights) >= cut


def error(weights: np.ndarray, kept: np.ndarray, gram: Gram) -> float:
    gaps = weights - least_squares(weights, kept, gram.hessian())
    return float(np.einsum("goi,gij,goj->", gaps, gram.hessian(), gaps))


def test_it_is_near_the_best_of_all_choices():
    rng = np.random.default_rng(0)
    before, ours, best = [], [], []
    for _ in range(20):
        gram, weights = seen(rng, 6), rng.normal(size=(1, 2, 6))
        start = largest(weights, 5)
        found = exchanged(weights, start, gram, 0.01)
        assert found.sum() == 5
        choices = itertools.combinations(range(12), 5)
        masks = (np.isin(np.arange(12), one).reshape(1, 2, 6) for one in choices)
        before.append(error(weights, start, gram))
        ours.append(error(weights, found, gram))
        best.append(min(error(weights, mask, gram) for mask in masks))
        assert ours[-1] <= before[-1]
    assert sum(ours) - sum(best) < 0.3 * (sum(before) - sum(best))


@pytest.mark.parametrize("count", [1, 37, 300, 719])
@pytest.mark.parametrize(("groups", "inputs"), [(1, 60), (4, 9)])
def test_as_many_are_kept_and_a_refit_loses_less(groups: int, inputs: int, count: int):
    rng = np.random.default_rng(count)
    gram = seen(rng, inputs, groups)
    weights = rng.normal(size=(groups, 720 // groups // inputs, inputs))
    start = largest(weights, count)
    found = exchanged(weights, start, gram, 0.01)
    assert found.sum() == count
    assert error(weights, found, gram) <= error(weights, start, gram)
    np.testing.assert_array_equal(found, exchanged(weights, start, gram, 0.01))
    # Neither the unit of the weights nor that of the inputs matters.
    scaled = replace(gram, moments=gram.moments * 64, mean=gram.mean * 8)
    same = exchanged(weights * 2.0**100, start, scaled, 0.01)
    np.testing.assert_array_equal(found, same)


def test_what_takes_too_long_or_is_no_choice_stays(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    gram, weights = seen(rng, 9), rng.normal(size=(1, 5, 9))
    every = np.ones(weights.shape, np.bool_)
    for kept in (every, ~every):
        assert exchanged(weights, kept, gram, 0.01) is kept
    kept = largest(weights, 11)
    assert exchanged(0 * weights, kept, gram, 0.01) is kept
    monkeypatch.setattr(support, "_MOST_WORK", 1)
    assert exchanged(weights, kept, gram, 0.01) is kept


def place(rng: np.random.Generator) -> Site:
    """A layer that sees other inputs than the original's did."""
    gram, now = seen(rng, 24), rng.normal(size=(1, 500, 24)).astype(np.float32) + 1
    moments = (now.transpose(0, 2, 1) @ now / 500).astype(np.float32)
    given = rng.normal(size=(1, 500, 8)).astype(np.float32)
    aim = Aim(now, given, np.zeros((1, 8), np.float32))
    current = Gram(moments, now.mean(1), 500, Bias("b"), aim)
    return Site("a", "dense", (24, 8), (1,), gram=gram, current=current)


def test_what_magnitude_has_chosen_is_exchanged_in_the_last_look():
    rng = np.random.default_rng(0)
    site = place(rng)
    start = CompressedTensor.of(rng.normal(size=(24, 8)).astype(np.float32))
    pruned = Magnitude(sparsity=0.7, scope="tensor").apply(start, site)
    assert pruned.is_open
    assert pruned.mask is not None
    made = Reconstruct().apply(pruned, site)
    assert made.mask is not None
    assert made.mask.sum() == pruned.mask.sum()
    assert (made.mask != pruned.mask).any()
    assert not made.dense[~made.mask].any()
    alone = replace(site, current=None)
    for step, at in (
        (Reconstruct(support="chosen"), site),
        (Reconstruct(), alone),
    ):
        assert step.apply(pruned, at).mask is pruned.mask
    once = Reconstruct(inputs="original").apply(pruned, alone)
    assert once.mask is not None
    assert (once.mask != pruned.mask).any()


@pytest.mark.parametrize(
    "step",
    [NOfM(), Block(sparsity=0.5), Surgeon(sparsity=0.5, scope="tensor")],
    ids=lambda step: step.name,
)
def test_a_pattern_or_an_order_stays(step: TensorStep):
    rng = np.random.default_rng(0)
    site = place(rng)
    start = CompressedTensor.of(rng.normal(size=(24, 8)).astype(np.float32))
    chosen = step.apply(start, site)
    both = Magnitude(sparsity=0.8, scope="tensor").apply(chosen, site)
    twice = step.apply(Magnitude(sparsity=0.3, scope="tensor").apply(start, site), site)
    for pruned in (chosen, both, twice):
        assert not pruned.is_open
        assert Reconstruct().apply(pruned, site).mask is pruned.mask
