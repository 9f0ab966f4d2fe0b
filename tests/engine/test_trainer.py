"""Retraining holds masks, grids and frozen layers, and gives back what it measured."""

import gc

import keras
import numpy as np
import pytest
from tensorflow.python.framework.func_graph import FuncGraph

from tests.engine.training import (
    MANY,
    best,
    fitted,
    mask,
    net,
    network_of,
    others,
    recipe_of,
    retrain,
    workload_of,
)
from workbench.core.affine import grid_between
from workbench.core.codes import Affine
from workbench.core.recipe import Plan, Recipe, Retraining
from workbench.engine.layers import variables


def at_once() -> bool:
    return True


def graphs() -> int:
    """Traced graphs that something still refers to."""
    gc.collect()
    return sum(isinstance(held, FuncGraph) for held in gc.get_objects())


@pytest.fixture(scope="module")
def workload():
    return workload_of(fitted(net()))


@pytest.mark.parametrize(
    "quantizer",
    [
        {},
        {"bits": 4},
        {"bits": 2, "range": "mse", "granularity": "tensor"},
        {"bits": 3, "symmetric": False},
    ],
)
def test_the_result_keeps_masks_and_lies_on_its_grid(workload, quantizer):
    before = network_of(workload, recipe_of(**quantizer))
    after = best(retrain(workload, recipe_of(**quantizer)))
    for path, tensor in after.network.tensors.items():
        old, code = before.tensors[path], tensor.code
        assert np.array_equal(mask(tensor), mask(old))
        assert np.array_equal(code.decode() * mask(tensor), tensor.dense)
        assert not after.kernels[path][~mask(tensor)].any()
        assert not np.array_equal(tensor.dense, old.dense)
        assert after.network.digests[path] != before.digests[path]
        assert tensor.bits == quantizer.get("bits", 32)
        if isinstance(code, Affine):
            assert isinstance(old.code, Affine)
            assert np.array_equal(code.zero_point, old.code.zero_point)
            assert not np.array_equal(code.scale, old.code.scale)
            levels = len(np.unique(code.q))
            assert levels <= 2**code.bits - code.is_symmetric


def test_validation_is_the_score_of_the_network_that_is_returned(workload):
    retrained = best(retrain(workload, recipe_of(bits=4)))
    held = np.sort(np.random.default_rng(0).permutation(160)[:16])
    model = keras.models.clone_model(workload.model)
    for path, variable in variables(model).items():
        tensor = retrained.network.tensors.get(path)
        variable.assign(others(retrained)[path] if tensor is None else tensor.dense)
    train = workload.data.train
    said = np.array(model(train.x[0][held])).argmax(axis=1)
    assert retrained.validation == np.mean(said == train.y[held])


def test_progress_counts_up_to_the_end(workload):
    said = retrain(workload, recipe_of(bits=4))
    assert [p.is_last for p in said] == [False] * (len(said) - 1) + [True]
    places = [(p.epoch, p.step) for p in said]
    assert places == sorted(places)
    assert places[-1] == (2, 9)
    assert said[-1].steps == 9
    assert said[-1].seconds_left == 0
    assert [p.epoch for p in said if p.validation is not None] == [1, 2]
    assert all(np.isfinite([p.loss, p.score, p.seconds_left]).all() for p in said)
    assert best(said).validation == max(p.validation or 0 for p in said)


def test_the_same_seed_gives_the_same_weights(workload):
    first, again = (best(retrain(workload, recipe_of(bits=4))) for _ in range(2))
    other = best(retrain(workload, recipe_of(bits=4), seed=1))
    assert first.network.digest == again.network.digest
    assert first.network.digest != other.network.digest


def test_the_users_model_is_not_changed(workload):
    retrain(workload, recipe_of())
    for path, variable in variables(workload.model).items():
        kept = workload.weights if path in workload.weights else workload.others
        assert np.array_equal(np.array(variable), kept[path])


def test_stopping_keeps_the_weights_so_far(workload):
    asked = iter([False] * 6)
    said = retrain(workload, recipe_of(), should_stop=lambda: next(asked, True))
    assert said[-1].is_last
    assert (said[-1].epoch, said[-1].step) < (2, 9)
    start = network_of(workload, recipe_of())
    assert best(said).network.digest != start.digest


def test_stopping_at_once_gives_the_network_itself(workload):
    recipe = recipe_of(bits=4)
    (only,) = retrain(workload, recipe, should_stop=at_once)
    assert only.is_last
    for path, tensor in network_of(workload, recipe).tensors.items():
        now = best([only]).network.tensors[path].dense
        np.testing.assert_allclose(now, tensor.dense, rtol=1e-6)


def test_a_second_retraining_goes_on_from_the_first(workload):
    first = best(retrain(workload, recipe_of(bits=4)))
    again = retrain(workload, recipe_of(bits=4), start=first, should_stop=at_once)
    for path, tensor in first.network.tensors.items():
        now = best(again).network.tensors[path].dense
        np.testing.assert_allclose(now, tensor.dense, rtol=1e-6)
    for path, value in others(first).items():
        assert np.array_equal(others(best(again))[path], value)


def test_a_second_retraining_takes_new_masks_and_widths(workload):
    first = best(retrain(workload, recipe_of(0.5)))
    recipe = recipe_of(0.75, bits=3)
    second = best(retrain(workload, recipe, start=first)).network
    for path, tensor in network_of(workload, recipe).tensors.items():
        assert np.array_equal(mask(second.tensors[path]), mask(tensor))
        assert second.tensors[path].bits == 3


def test_untreated_kernels_train_normally(workload):
    recipe = Recipe((Plan("last/*", recipe_of(bits=4).plans[0].steps),))
    after = best(retrain(workload, recipe))
    free = after.network.tensors["first/kernel"]
    assert free.mask is None
    assert free.bits == 32
    assert not np.array_equal(free.dense, workload.weights["first/kernel"])
    assert np.array_equal(free.dense, after.kernels["first/kernel"])


def test_retraining_repairs(workload):
    recipe = recipe_of(0.8, bits=2)
    before = best(retrain(workload, recipe, should_stop=at_once))
    after = best(retrain(workload, recipe, MANY))
    assert before.validation < 0.8
    assert after.validation > 0.9


def test_quantized_activations_are_trained_through_and_kept(workload):
    low, high = np.array(0, np.float32), np.array(6, np.float32)
    grid = grid_between(low, high, 4, is_symmetric=False)
    grids = {site.path: grid for site in workload.outputs if not site.is_edge}
    assert grids
    plain = best(retrain(workload, recipe_of()))
    coarse = best(retrain(workload, recipe_of(), activations=grids))
    assert coarse.network.activations == grids
    assert coarse.network.digest != plain.network.digest
    kernel = "first/kernel"
    assert not np.array_equal(coarse.kernels[kernel], plain.kernels[kernel])


def test_nothing_of_a_retraining_stays_but_its_result(workload):
    low, high = np.array(0, np.float32), np.array(6, np.float32)
    grid = grid_between(low, high, 4, is_symmetric=False)
    grids = {site.path: grid for site in workload.outputs if not site.is_edge}
    retrain(workload, recipe_of(), activations=grids)
    before = graphs()
    retrain(workload, recipe_of(), activations=grids)
    assert graphs() == before


def test_the_start_stands_where_every_epoch_is_far_worse(workload):
    wild = Retraining(epochs=2, batch_size=4, learning_rate=1.0)
    said = retrain(workload, Recipe(), wild, seed=2)
    held = [p.validation for p in said if p.validation is not None]
    start = best(said)
    assert start.epoch == 0
    assert start.validation > max(held)
    for path, weights in workload.weights.items():
        assert np.array_equal(start.network.tensors[path].dense, weights)
