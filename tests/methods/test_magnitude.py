"""Magnitude pruning: which weights go, alone and over all tensors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.magnitude import Magnitude

SITE = Site("a/kernel", "dense", (2, 3), (1,))
VALUES = np.array([[0.1, -0.2, 0.3], [-0.4, 0.5, -0.6]], np.float32)


def keep(step, values=VALUES):
    tensor = step.apply(CompressedTensor.of(values), SITE)
    return np.ones(values.shape, bool) if tensor.mask is None else tensor.mask


def test_below_the_threshold_means_below():
    np.testing.assert_array_equal(
        keep(Magnitude(threshold=0.3)), [[False, False, True], [True, True, True]]
    )


def test_a_threshold_is_compared_in_float32():
    values = np.array([0.1], np.float32)
    assert keep(Magnitude(threshold=0.1), values).all()
    above = float(np.nextafter(np.float32(0.1), np.float32(1)))
    assert not keep(Magnitude(threshold=above), values).any()


@pytest.mark.parametrize("step", [Magnitude(), Magnitude(threshold=0.0)])
def test_nothing_to_prune_leaves_the_tensor_as_it_is(step):
    tensor = CompressedTensor.of(VALUES)
    assert step.apply(tensor, SITE) is tensor


def test_sparsity_prunes_the_smallest():
    np.testing.assert_array_equal(
        keep(Magnitude(sparsity=0.5)), [[False, False, False], [True, True, True]]
    )


@pytest.mark.parametrize(
    ("sparsity", "pruned"), [(0.08, 0), (0.09, 1), (0.4, 2), (0.999, 6)]
)
def test_the_nearest_number_is_pruned(sparsity, pruned):
    step = Magnitude(sparsity=sparsity, scope="tensor")
    assert np.count_nonzero(~keep(step)) == pruned


def test_lamp_leaves_a_weight_even_alone():
    assert np.count_nonzero(keep(Magnitude(sparsity=0.999, scope="lamp"))) == 1


def test_ties_fall_in_index_order():
    values = np.array([0.5, -0.5, 0.5, 0.1, -0.5], np.float32)
    np.testing.assert_array_equal(
        keep(Magnitude(sparsity=0.6), values), [False, False, True, False, True]
    )


def test_pruning_comes_on_top_of_what_is_pruned():
    first = Magnitude(threshold=0.3).apply(CompressedTensor.of(VALUES), SITE)
    second = Magnitude(sparsity=0.5).apply(first, SITE)
    np.testing.assert_array_equal(
        second.mask, [[False, False, False], [True, True, True]]
    )


def pooled(tensors, sparsity):
    sites = [Site(name, "dense", v.shape, (1,)) for name, v in tensors.items()]
    choice = Choice.of("magnitude", sparsity=sparsity, scope="global")
    recipe = Recipe((Plan("*", (choice,)),))
    digests = {name: name for name in tensors}
    return compress(sites, tensors, recipe, digests=digests)


def test_global_scope_is_one_threshold():
    rng = np.random.default_rng(0)
    tensors = {
        name: (rng.normal(size=(40, 50)) * width).astype(np.float32)
        for name, width in {"wide": 1.0, "narrow": 0.1, "middle": 0.3}.items()
    }
    network = pooled(tensors, 0.7)
    kept = [abs(v)[network.tensors[n].mask] for n, v in tensors.items()]
    gone = [abs(v)[~network.tensors[n].mask] for n, v in tensors.items()]  # type: ignore[operator]
    assert sum(part.size for part in gone) == round(0.7 * 6000)
    assert max(p.max(initial=0) for p in gone) < min(p.min(initial=9) for p in kept)
    assert network.tensors["narrow"].sparsity > 0.99 > network.tensors["wide"].sparsity


def test_global_scope_may_prune_a_tensor_whole():
    tensors = {
        "large": np.full((100, 100), 1.0, np.float32),
        "small": np.full((10, 10), 0.01, np.float32),
    }
    network = pooled(tensors, 100 / 10_100)
    assert network.tensors["small"].sparsity == 1.0
    assert network.tensors["large"].mask is None


@settings(deadline=None)
@given(data=st.data(), sparsity=st.floats(0, 0.999))
def test_global_scope_is_exact_with_ties(data, sparsity):
    few = st.sampled_from([0.0, 0.25, -0.25, 0.5, 1.0])
    tensors = {}
    for name in "abc":
        flat = data.draw(st.lists(few, min_size=1, max_size=30))
        tensors[name] = np.array(flat, np.float32).reshape(-1, 1)
    network = pooled(tensors, sparsity)
    together = np.concatenate([v.ravel() for v in tensors.values()])
    masks = [
        np.ones(v.size, bool) if t.mask is None else t.mask.ravel()
        for v, t in zip(tensors.values(), network.tensors.values(), strict=True)
    ]
    kept = np.concatenate(masks)
    wanted = round(sparsity * together.size)
    assert np.count_nonzero(~kept) == wanted
    # Ties fall in the order of tensors, then of indices: as one stable sort has it.
    order = np.argsort(np.abs(together), kind="stable")
    np.testing.assert_array_equal(np.flatnonzero(~kept), np.sort(order[:wanted]))


def test_tensors_with_other_wishes_are_not_in_the_pool():
    tensors = {
        "a": np.linspace(0.1, 1, 10, dtype=np.float32).reshape(10, 1),
        "b": np.linspace(1.1, 2, 10, dtype=np.float32).reshape(10, 1),
        "c": np.linspace(0.01, 0.1, 10, dtype=np.float32).reshape(10, 1),
    }
    sites = [Site(name, "dense", (10, 1), (1,)) for name in tensors]
    recipe = Recipe(
        (
            Plan("*", (Choice.of("magnitude", sparsity=0.5, scope="global"),)),
            Plan("c", (Choice.of("magnitude", scope="tensor"),)),
        )
    )
    network = compress(sites, tensors, recipe, digests=dict.fromkeys(tensors, ""))
    assert [network.tensors[n].sparsity for n in "abc"] == [1.0, 0.0, 0.5]


def test_lamp_shares_follow_the_definition():
    rng = np.random.default_rng(0)
    weights = {
        "a": rng.normal(size=(20, 10)).astype(np.float32),
        "b": 100 * rng.normal(size=(30, 3)).astype(np.float32),
        "c": rng.normal(size=(2, 2)).astype(np.float32),
    }
    scores = {}
    for path, values in weights.items():
        energy = np.sort(np.abs(values), axis=None).astype(np.float64) ** 2
        scores[path] = energy / np.cumsum(energy[::-1])[::-1]
    wanted = round(0.7 * sum(values.size for values in weights.values()))
    cut = np.sort(np.concatenate(list(scores.values())))[wanted]
    network = compressed(weights, sparsity=0.7, scope="lamp")
    for path, tensor in network.tensors.items():
        assert tensor.dense.size - tensor.nonzeros == (scores[path] < cut).sum()


def test_lamp_does_not_depend_on_scale_and_keeps_one_weight():
    rng = np.random.default_rng(1)
    weights = {
        "a": rng.normal(size=(20, 10)).astype(np.float32),
        "b": rng.normal(size=(30, 3)).astype(np.float32),
    }
    scaled = weights | {"b": weights["b"] * np.float32(2.0**20)}
    for sparsity in (0.3, 0.9, 0.999):
        plain = compressed(weights, sparsity=sparsity, scope="lamp")
        other = compressed(scaled, sparsity=sparsity, scope="lamp")
        for path, tensor in plain.tensors.items():
            assert tensor.nonzeros == other.tensors[path].nonzeros >= 1


def compressed(weights, **knobs):
    sites = [Site(path, "dense", w.shape, (1,)) for path, w in weights.items()]
    recipe = Recipe((Plan("*", (Choice.of("magnitude", **knobs),)),))
    return compress(sites, weights, recipe, digests={path: path for path in weights})
