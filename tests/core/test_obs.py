"""The surgeon's order against a slow one that is written as the papers have it."""

import numpy as np
import pytest

from workbench.core import obs
from workbench.core.calibration import Gram
from workbench.core.compress import compress
from workbench.core.edit import set_knobs
from workbench.core.layout import Layout
from workbench.core.network import Skipped
from workbench.core.recipe import Recipe
from workbench.core.reconstruction import least_squares
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.magnitude import Magnitude
from workbench.methods.obs import Surgeon

KINDS = [
    ("dense", (9, 5), (1,)),
    ("conv", (3, 2, 2, 4), (3,)),
    ("depthwise", (3, 3, 4, 2), (2, 3)),
    ("recurrent", (4, 12), (1,)),
    ("einsum", (5, 2, 3), (1, 2)),
]


def seen(rng, groups, n):
    mixing = rng.normal(size=(groups, n, n))
    x = np.einsum("rgj,gji->rgi", rng.normal(size=(300, groups, n)), mixing)
    x += rng.normal(size=(groups, n))
    moments = np.einsum("rgi,rgj->gij", x, x) / 300
    return Gram(moments.astype(np.float32), x.mean(0).astype(np.float32), 300)


def place(kind, shape, axes, seed=0):
    rng = np.random.default_rng(seed)
    layout = Layout.of(Site("k", kind, shape, axes))
    gram = seen(rng, layout.groups_count, layout.inputs_count)
    weights = rng.normal(size=shape).astype(np.float32)
    return Site("k", kind, shape, axes, gram=gram), weights


def error(site, weights, fitted):
    layout = Layout.of(site)
    lost = layout.matrices(weights).astype(np.float64) - fitted
    return float(np.einsum("goi,gij,goj->", lost, site.gram.hessian(), lost))


def refitted(site, weights, kept):
    layout = Layout.of(site)
    rows = layout.matrices(weights).astype(np.float64)
    return least_squares(rows, layout.matrices(kept), site.gram.hessian())


@pytest.mark.parametrize("inputs", [1, 7, 33, 70])
def test_the_order_is_that_of_the_papers(inputs):
    rng = np.random.default_rng(inputs)
    h = seen(rng, 1, inputs).hessian()
    weights = rng.normal(size=(1, 3, inputs))
    order, costs = obs.eliminate(weights, h)
    for row in range(3):
        w, inverse, left = weights[0, row].copy(), np.linalg.inv(h[0]), [*range(inputs)]
        for place in range(inputs):
            p = min(left, key=lambda p: w[p] ** 2 / inverse[p, p])
            assert order[0, row, place] == p
            cost = w[p] ** 2 / inverse[p, p]
            assert costs[0, row, place] == pytest.approx(cost, rel=1e-6, abs=1e-9)
            w -= inverse[p] * w[p] / inverse[p, p]
            inverse -= np.outer(inverse[p], inverse[p]) / inverse[p, p]
            left.remove(p)


@pytest.mark.parametrize(("kind", "shape", "axes"), KINDS)
def test_the_costs_are_what_least_squares_loses(kind, shape, axes):
    site, weights = place(kind, shape, axes)
    found = obs.elimination_of(weights, site)
    assert found.reason is None
    assert sorted(found.ranks.ravel()) == list(range(weights.size))
    assert (np.diff(found.costs) >= 0).all()
    signal = error(site, weights, 0.0)
    for pruned in (0, weights.size // 2, weights.size - 1, weights.size):
        kept = found.kept(pruned)
        assert np.count_nonzero(~kept) == pruned
        lost = error(site, weights, refitted(site, weights, kept)) / signal
        # The running maximum, which merges the rows, is never below what is lost.
        assert lost <= found.costs[:pruned].sum() + 1e-6
    assert lost == pytest.approx(1.0)


@pytest.mark.parametrize(("kind", "shape", "axes"), KINDS)
def test_it_loses_less_than_magnitude_once_both_are_refitted(kind, shape, axes):
    ours = theirs = 0.0
    for seed in range(5):
        site, weights = place(kind, shape, axes, seed)
        start = CompressedTensor.of(weights)
        for step in (Surgeon(sparsity=0.6, scope="tensor"), Magnitude(sparsity=0.6)):
            mask = step.apply(start, site).mask
            assert mask is not None
            assert np.count_nonzero(~mask) == round(0.6 * weights.size)
            lost = error(site, weights, refitted(site, weights, mask))
            ours += lost if isinstance(step, Surgeon) else 0
            theirs += 0 if isinstance(step, Surgeon) else lost
    assert ours < theirs


def test_masks_are_nested_and_count_what_is_pruned_already():
    site, weights = place(*KINDS[0])
    start = CompressedTensor.of(weights)
    earlier = np.zeros(weights.shape, bool)
    for sparsity in (0.2, 0.5, 0.9):
        mask = Surgeon(sparsity=sparsity, scope="tensor").apply(start, site).mask
        assert mask is not None
        assert not mask[earlier].any()
        earlier = ~mask
    both = Surgeon(sparsity=0.5, scope="tensor").apply(
        Magnitude(sparsity=0.3, scope="tensor").apply(start, site), site
    )
    assert both.mask is not None
    assert np.count_nonzero(~both.mask) == round(0.5 * weights.size)


def test_a_shared_sparsity_goes_where_it_costs_least():
    (site, weights), (other, small) = place(*KINDS[0]), place(*KINDS[1], seed=1)
    sites = {"a": site, "b": other}
    tensors = {"a": CompressedTensor.of(weights), "b": CompressedTensor.of(small)}
    wishes = dict.fromkeys(sites, Surgeon(sparsity=0.5))
    levels = Surgeon.agree(wishes, tensors, sites)
    shares = {path: levels[path].pruned or 0 for path in sites}
    total = weights.size + small.size
    assert sum(shares.values()) == round(0.5 * total)
    costs = {p: obs.elimination_of(tensors[p].start, sites[p]).costs for p in sites}
    dearest = max(costs[p][shares[p] - 1] for p in sites if shares[p])
    assert dearest <= min(costs[p][shares[p]] for p in sites)


def test_a_kernel_too_wide_goes_by_weighted_magnitude(monkeypatch):
    monkeypatch.setattr(obs, "MOST_WORK", 1)
    site, weights = place("dense", (6, 4), (1,), seed=3)
    found = obs.elimination_of(weights, site)
    assert found.reason == "obs.too_wide"
    assert site.gram is not None
    cost = weights**2 * np.diag(site.gram.hessian()[0])[:, None]
    np.testing.assert_array_equal(
        np.argsort(found.ranks.ravel()), cost.ravel().argsort()
    )


def test_an_order_that_is_not_exact_is_said(monkeypatch):
    site, weights = place("dense", (6, 4), (1,), seed=3)
    recipe = set_knobs(Recipe(), "obs", sparsity=0.5)

    def skipped():
        digests = {site.path: "x"}
        return compress((site,), {site.path: weights}, recipe, digests=digests).skipped

    assert skipped() == ()
    monkeypatch.setattr(obs, "MOST_WORK", 1)
    assert skipped() == (Skipped("k", "obs", "obs.too_wide"),)


def test_without_a_gram_matrix_it_is_magnitude():
    bare = Site("k", "dense", (6, 4), (1,))
    start = CompressedTensor.of(place("dense", (6, 4), (1,))[1])
    plain = Magnitude(sparsity=0.5).apply(start, bare)
    np.testing.assert_array_equal(
        Surgeon(sparsity=0.5).apply(start, bare).mask, plain.mask
    )
