"""One wish over all tensors: levels, the decision, and the user's word over it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from workbench.core import levels
from workbench.core.calibration import Gram
from workbench.core.coded import coded_bytes, stream_bytes
from workbench.core.compress import compress
from workbench.core.decision import decide, range_of, undecided
from workbench.core.edit import own_choice, set_knobs, set_repair, switch_off
from workbench.core.errors import UserError
from workbench.core.levels import Survey
from workbench.core.recipe import Recipe
from workbench.core.tensor import Site
from workbench.core.wish import Wish

OTHERS = 100


def gram(rng, n):
    x = rng.normal(size=(300, n)) @ rng.normal(size=(n, n))
    mean = x.mean(0, keepdims=True).astype(np.float32)
    return Gram((x.T @ x / 300).astype(np.float32)[None], mean, 300)


@pytest.fixture(scope="module")
def model():
    """A wide dense kernel, a convolution, and a table of which nothing is seen."""
    rng = np.random.default_rng(0)
    sites = (
        Site("wide/kernel", "dense", (24, 90), (1,), gram=gram(rng, 24)),
        Site("conv/kernel", "conv", (3, 3, 2, 8), (3,), gram=gram(rng, 18)),
        Site("table/embeddings", "embedding", (30, 6), (0,)),
    )
    shapes = {site.path: site.shape for site in sites}
    weights = {p: rng.normal(size=s).astype(np.float32) for p, s in shapes.items()}
    survey = Survey(sites, weights, OTHERS)
    progress = list(survey.run())
    assert progress == sorted(progress)
    assert progress[-1] == 1
    return sites, weights, survey.database


def network(model, recipe):
    sites, weights, _ = model
    return compress(sites, weights, recipe, digests=dict.fromkeys(weights, "x"))


def taken(made):
    return stream_bytes(made.tensors.values()) + OTHERS


def chosen(level, path):
    recipe = Recipe()
    for choice in level.choices():
        recipe = set_knobs(recipe, choice.name, path, **dict(choice.values))
    return recipe


def test_the_levels_say_what_the_steps_do(model):
    sites, _, database = model
    for site in sites:
        # Those that are tried and those in between.
        for level in database.levels[site.path][5::37]:
            made = network(model, chosen(level, site.path)).tensors[site.path]
            assert made.bits == level.bits
            kept = made.dense.size if made.mask is None else made.mask.sum()
            assert kept == level.kept
            assert coded_bytes(made) == pytest.approx(level.nbytes, rel=0.04, abs=8)


def test_a_predicted_error_is_what_the_layer_loses(model):
    sites, weights, database = model
    site = sites[0]
    rows, hessian = weights[site.path].T.astype(float), site.gram.hessian(0.0)[0]
    found = database.levels[site.path]
    for level in found[3 :: len(found) // 15]:
        made = network(model, chosen(level, site.path)).tensors[site.path]
        lost = rows - made.dense.T
        error = np.vdot(lost @ hessian, lost) / np.vdot(rows @ hessian, rows)
        assert level.error == pytest.approx(error, rel=0.25, abs=1e-3)


def test_levels_lie_close_together(model):
    _, _, database = model
    for found in database.levels.values():
        kinds = {(level.bits, level.granularity) for level in found}
        for kind in kinds:
            own = [n for n in found if (n.bits, n.granularity) == kind]
            kept = [level.kept for level in own]
            assert kept == sorted(kept, reverse=True)
            for more, fewer in pairwise(kept):
                assert fewer >= 0.93 * more - 2


def test_a_large_kernel_is_tried_on_some_of_its_outputs(model, monkeypatch):
    sites, weights, database = model
    monkeypatch.setattr(levels, "LARGE", 1)
    survey = Survey(sites[:1], weights, OTHERS)
    list(survey.run())
    assert survey.database is not None
    exact = database.levels[sites[0].path]
    for ours, theirs in zip(survey.database.levels[sites[0].path], exact, strict=True):
        assert ours.kept == theirs.kept
        assert ours.nbytes == pytest.approx(theirs.nbytes, rel=0.2, abs=20)
        assert ours.error == pytest.approx(theirs.error, rel=0.4, abs=0.02)


def test_a_smaller_size_costs_more(model):
    _, _, database = model
    low, high = range_of(database)
    earlier = float("inf")
    for nbytes in np.linspace(low, high, 9):
        decision = decide(Recipe(wish=Wish(nbytes=float(nbytes))), database)
        assert decision.nbytes <= nbytes
        assert decision.error <= earlier
        earlier = decision.error
        assert taken(network(model, decision.recipe)) == pytest.approx(
            decision.nbytes, rel=0.05, abs=12
        )
    assert earlier == pytest.approx(0, abs=1e-9)
    least = decide(Recipe(wish=Wish(nbytes=1)), database)
    assert least.nbytes == low


def test_a_sparsity_is_shared_where_it_costs_least(model):
    _, _, database = model
    recipe = decide(Recipe(wish=Wish(sparsity=0.7)), database).recipe
    made = network(model, recipe)
    assert made.sparsity >= 0.7 - 1e-9
    assert {tensor.bits for tensor in made.tensors.values()} == {32}
    uniform = set_knobs(Recipe(), "obs", sparsity=0.7, scope="tensor")
    shares = {path: made.tensors[path].sparsity for path in made.tensors}
    assert max(shares.values()) > min(shares.values())
    assert network(model, uniform).sparsity == pytest.approx(0.7, abs=0.01)


def test_only_the_bits_that_are_allowed_are_chosen(model):
    _, _, database = model
    wish = Wish(nbytes=1500, bits=(4, 3))
    made = network(model, decide(Recipe(wish=wish), database).recipe)
    assert {tensor.bits for tensor in made.tensors.values()} <= {4, 3}


def test_the_user_has_the_last_word(model):
    _, _, database = model
    path = "wide/kernel"
    recipe = set_knobs(Recipe(), "magnitude", sparsity=0.4)
    recipe = set_knobs(recipe, "uniform", bits=5)
    recipe = replace(recipe, wish=Wish(nbytes=1500))
    recipe = decide(recipe, database).recipe
    assert own_choice(recipe, "obs", path) is None
    recipe = set_knobs(recipe, "magnitude", path, sparsity=0.8, scope="tensor")
    recipe = decide(set_knobs(recipe, "uniform", path, bits=8), database).recipe
    made = network(model, recipe).tensors
    assert made[path].sparsity == pytest.approx(0.8, abs=0.01)
    assert made[path].bits == 8
    assert made["conv/kernel"].bits != 5
    assert taken(network(model, recipe)) <= 1.05 * 1500
    spared = switch_off(switch_off(recipe, "magnitude", path), "uniform", path)
    made = network(model, decide(spared, database).recipe).tensors
    np.testing.assert_array_equal(made[path].dense, model[1][path])
    assert undecided(decide(spared, database).recipe) == undecided(spared)


def test_the_decision_is_written_down_and_read_back(model):
    _, _, database = model
    wish = Wish(nbytes=2000, bits=(8, 3))
    recipe = replace(set_knobs(Recipe(), "uniform", bits=5), wish=wish)
    recipe = decide(recipe, database).recipe
    assert sum(plan.is_decided for plan in recipe.plans) == len(database.levels)
    for style in ("json", "yaml"):
        assert Recipe.loads(recipe.dumps(style)) == recipe
    assert decide(recipe, database).recipe == recipe


def test_a_hand_on_everything_takes_the_wish_back():
    recipe = Recipe(wish=Wish(nbytes=1500))
    assert set_knobs(recipe, "magnitude", sparsity=0.5).wish is None
    assert switch_off(recipe, "uniform").wish is None
    assert set_knobs(recipe, "uniform", "a/*", bits=4).wish == recipe.wish
    assert set_repair(set_knobs(recipe, "reconstruct"), is_on=False).wish == recipe.wish


@pytest.mark.parametrize(
    "text",
    [
        '{"version": 1, "wish": {}}',
        '{"version": 1, "wish": {"nbytes": 9, "sparsity": 0.5}}',
        '{"version": 1, "wish": {"nbytes": 0}}',
        '{"version": 1, "wish": {"nbytes": "small"}}',
        '{"version": 1, "wish": {"sparsity": 1.5}}',
        '{"version": 1, "wish": {"nbytes": 9, "bits": [7]}}',
        '{"version": 1, "wish": {"nbytes": 9, "bits": 4}}',
        '{"version": 1, "wish": {"nbytes": 9, "cost": 4}}',
        '{"version": 1, "wish": 3}',
        '{"version": 1, "plans": [{"target": "a", "decided": 1}]}',
    ],
)
def test_a_wish_that_cannot_be_is_refused_in_one_sentence(text):
    with pytest.raises(UserError) as caught:
        Recipe.loads(text)
    assert "\n" not in str(caught.value)
