"""From recipe to network: what is kept, what is skipped, what is made anew."""

import ml_dtypes
import numpy as np
import pytest

from workbench.core.activations import Observed, OutputSite
from workbench.core.affine import grid_of
from workbench.core.compress import activation_grids, compress
from workbench.core.errors import UserError
from workbench.core.network import Network, array_digest
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.tensor import CompressedTensor, Site

RNG = np.random.default_rng(0)
WEIGHTS = {
    name: RNG.normal(size=(8, 6)).astype(np.float32)
    for name in ("a/kernel", "b/kernel", "odd/kernel")
}
SITES = (
    Site("a/kernel", "dense", (8, 6), (1,)),
    Site("b/kernel", "dense", (8, 6), (1,)),
    Site("odd/kernel", "other", (8, 6), (1,), reason="doctor.quantized"),
)
DIGESTS = {name: array_digest(values) for name, values in WEIGHTS.items()}


def run(recipe, previous=None, digests=None):
    return compress(
        SITES, WEIGHTS, recipe, digests=digests or DIGESTS, previous=previous
    )


def recipe(sparsity=0.5, bits=8, target="*"):
    choices = (
        Choice.of("magnitude", sparsity=sparsity),
        Choice.of("uniform", bits=bits),
    )
    return Recipe((Plan(target, choices),))


def test_an_empty_recipe_changes_nothing():
    network = run(Recipe())
    for name, values in WEIGHTS.items():
        assert network.tensors[name].dense is values
        assert network.tensors[name].mask is None
    assert network.skipped == ()
    assert network.sparsity == 0
    assert network.parameters == 3 * 48


def test_what_cannot_be_treated_is_skipped_with_its_reason():
    network = run(recipe())
    assert [(s.path, s.step, s.reason) for s in network.skipped] == [
        ("odd/kernel", "magnitude", "doctor.quantized"),
        ("odd/kernel", "uniform", "doctor.quantized"),
    ]
    assert network.tensors["odd/kernel"].dense is WEIGHTS["odd/kernel"]
    assert network.tensors["a/kernel"].bits == 8


def test_unchanged_tensors_are_taken_over():
    first = run(recipe())
    narrower = Recipe((*recipe().plans, Plan("a/*", (Choice.of("uniform", bits=4),))))
    second = run(narrower, previous=first)
    assert second.tensors["b/kernel"] is first.tensors["b/kernel"]
    assert second.tensors["a/kernel"] is not first.tensors["a/kernel"]
    assert second.tensors["a/kernel"].bits == 4
    fresh = run(narrower)
    for name in WEIGHTS:
        np.testing.assert_array_equal(
            fresh.tensors[name].dense, second.tensors[name].dense
        )
    assert fresh.digests == second.digests


def test_other_weights_are_not_taken_over():
    first = run(recipe())
    others = dict(DIGESTS) | {"a/kernel": "other"}
    second = run(recipe(), previous=first, digests=others)
    assert second.tensors["a/kernel"] is not first.tensors["a/kernel"]
    assert second.tensors["b/kernel"] is first.tensors["b/kernel"]


def test_a_global_wish_changes_every_tensor_whose_share_changes():
    def wish(sparsity):
        choice = Choice.of("magnitude", sparsity=sparsity, scope="global")
        return Recipe((Plan("*", (choice,)),))

    first = run(wish(0.5))
    assert round(first.sparsity * 144) == 48
    second = run(wish(0.5), previous=first)
    assert all(second.tensors[n] is first.tensors[n] for n in WEIGHTS)
    third = run(wish(0.6), previous=first)
    assert third.digest != first.digest == second.digest


def test_a_bad_order_is_refused():
    choices = (Choice.of("uniform"), Choice.of("magnitude", sparsity=0.5))
    with pytest.raises(UserError, match="must come before"):
        run(Recipe((Plan("*", choices),)))


SEEN = {
    path: Observed(-1.0, 3.0, np.ones(16), 100)
    for path in ("in/input", "relu/output", "out/output")
}
OUTPUTS = (
    OutputSite("in/input", is_edge=True),
    OutputSite("relu/output", ("a/kernel",)),
    OutputSite("unseen/output", ("b/kernel",)),
    OutputSite("out/output", ("odd/kernel",), is_edge=True),
)


def wanted(**values):
    plan = Plan("*", activations=Choice.of("activations", **values))
    return Recipe((plan,))


def test_grids_for_what_calibration_saw():
    grids = activation_grids(OUTPUTS, wanted(bits=8), SEEN)
    assert list(grids) == ["in/input", "relu/output", "out/output"]
    assert grids["relu/output"].bits == 8
    assert activation_grids(OUTPUTS, Recipe(), SEEN) == {}


def test_edges_may_stay_float():
    grids = activation_grids(OUTPUTS, wanted(bits=8, edges="float"), SEEN)
    assert list(grids) == ["relu/output"]


def test_a_plan_reaches_a_place_by_its_kernels():
    plan = Plan("a/*", activations=Choice.of("activations", bits=6))
    assert list(activation_grids(OUTPUTS, Recipe((plan,)), SEEN)) == ["relu/output"]


def test_a_networks_hash_is_that_of_all_it_holds():
    tensor = CompressedTensor.of(np.ones((2, 2), np.float32))
    grid = grid_of(np.array([0, 1], np.float32), 8, is_symmetric=False)
    other = grid_of(np.array([0, 1.0000001], np.float32), 8, is_symmetric=False)
    bias = np.zeros(2, np.float32)
    networks = [
        Network({"a": tensor}, {"a": "1"}),
        Network({"a": tensor}, {"a": "2"}),
        Network({"a": tensor}, {"a": "1"}, {"a/output": grid}),
        Network({"a": tensor}, {"a": "1"}, {"a/output": other}),
        Network({"a": tensor}, {"a": "1"}, others={"a/bias": bias}),
        Network({"a": tensor}, {"a": "1"}, others={"a/bias": bias + 1}),
    ]
    assert len({network.digest for network in networks}) == len(networks)


def test_an_arrays_hash_is_that_of_type_shape_and_values():
    values = np.arange(6, dtype=np.float32)
    others = [values, values.astype(np.float64), values.reshape(2, 3), values + 1]
    others += [np.zeros(0, np.float32), np.zeros((0, 2), np.float32), np.float32(0)]
    others += [values.astype(np.float16), values.astype(ml_dtypes.bfloat16)]
    assert len({array_digest(np.asarray(one)) for one in others}) == len(others)
    turned = np.asfortranarray(values.reshape(2, 3))
    assert array_digest(turned) == array_digest(values.reshape(2, 3))
