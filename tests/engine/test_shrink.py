"""Channels that go together, and models that are really smaller without them."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import accuracy, case
from workbench.core.compress import compress
from workbench.core.groups import groups_of
from workbench.core.network import Network
from workbench.core.recipe import Choice, Plan, Recipe, Retraining
from workbench.engine.layers import pack
from workbench.engine.moments import MomentCalibrator
from workbench.engine.realize import realize
from workbench.engine.shrink import shrink
from workbench.engine.trainer import Trainer
from workbench.engine.workload import Workload, open_workload

L = keras.layers
GROUPED = (
    "dense",
    "nested",
    "shared",
    "residual",
    "bidirectional",
    "two_inputs",
    "sequence",
    "gru",
    "separable",
    "conv1d",
    "embedding",
    "transposed",
    "half",
    "keras2",
)


def recipe(sparsity: float, *more: Choice) -> Recipe:
    return Recipe((Plan("*", (Choice.of("structured", sparsity=sparsity), *more)),))


def network_of(workload: Workload, wish: Recipe) -> Network:
    moments = MomentCalibrator(workload)
    list(moments.run(samples=64))
    return compress(
        moments.sites,
        workload.weights,
        wish,
        digests=workload.digests,
        biases=workload.others,
    )


def outputs(model: keras.Model, workload: Workload) -> Any:
    return np.asarray(model(pack(model, workload.examples(20)), training=False))


@pytest.mark.parametrize("name", GROUPED)
def test_the_smaller_model_computes_what_the_masked_one_does(
    name: str, tmp_path: Path
) -> None:
    form = case(name)
    workload = open_workload(form.model, form.data)
    wish = recipe(0.5, Choice.of("reconstruct"), Choice.of("uniform", bits=8))
    network = network_of(workload, wish)
    small, result = shrink(workload, network)
    masked, model = realize(workload, network), realize(small, result)
    assert model.count_params() < masked.count_params()
    np.testing.assert_allclose(
        outputs(model, workload), outputs(masked, workload), atol=1e-3
    )
    file = tmp_path / "model.keras"
    model.save(file)
    again: Any = keras.saving.load_model(file)
    assert accuracy(again, form.data) == accuracy(model, form.data)
    for tensor in result.tensors.values():
        mask = np.ones(1) if tensor.mask is None else tensor.mask
        np.testing.assert_array_equal(tensor.code.decode() * mask, tensor.dense)


def random_graph(seed: int) -> keras.Model:
    """Convolutions in sums, concatenations and side branches, drawn by a seed."""
    rng = np.random.default_rng(seed)
    x = keras.Input((8, 8, 2))
    ends = [L.Conv2D(4, 3, padding="same", activation="relu")(x)]
    for _ in range(5):
        y = ends[rng.integers(len(ends))]
        kind = rng.integers(6)
        if kind == 0:
            y = L.Conv2D(int(rng.integers(2, 6)), 3, padding="same")(y)
        elif kind == 1:
            y = L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same")(y))
        elif kind == 2:
            y = L.PReLU(shared_axes=[1, 2])(y)
        elif kind == 3:
            y = L.Concatenate()([y, ends[rng.integers(len(ends))]])
        elif kind == 4:
            other = L.SeparableConv2D(y.shape[-1], 3, padding="same")(ends[0])
            y = keras.ops.relu(L.Add()([y, other]))
        else:
            scale = L.GlobalAveragePooling2D(keepdims=True)(y)
            y = L.Multiply()([y, L.Dense(y.shape[-1], "sigmoid")(scale)])
        ends.append(y)
    y = L.Flatten()(L.AveragePooling2D(4)(ends[-1]))
    parts = [y, L.GlobalMaxPooling2D()(ends[rng.integers(len(ends))])]
    return keras.Model(x, L.Dense(3, "softmax")(L.Concatenate()(parts)))


@pytest.mark.parametrize("seed", range(6))
def test_a_random_graph_shrinks_to_the_same_function(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    model = random_graph(seed)
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        low = 0.5 if "variance" in variable.name else -1.0
        variable.assign(rng.uniform(low, 1.0, variable.shape))
    x = rng.normal(size=(20, 8, 8, 2)).astype(np.float32)
    workload = open_workload(model, (x, rng.integers(3, size=20)))
    network = compress(
        workload.sites, workload.weights, recipe(0.4), digests=workload.digests
    )
    assert groups_of(workload.sites)
    small, result = shrink(workload, network)
    masked, model = realize(workload, network), realize(small, result)
    assert model.count_params() < masked.count_params()
    np.testing.assert_allclose(
        outputs(model, workload), outputs(masked, workload), atol=1e-5
    )


def test_a_model_whose_channels_all_stay_is_given_back() -> None:
    form = case("attention")
    workload = open_workload(form.model, form.data)
    network = network_of(workload, recipe(0.5))
    assert {one.reason for one in network.skipped} >= {"structure.layer"}
    assert shrink(workload, network) == (workload, network)


def test_channels_pass_a_reshape_that_keeps_them_last() -> None:
    x = keras.Input((8, 8, 2))
    y = L.Conv2D(6, 3, use_bias=False, name="wide")(x)
    scale = L.Reshape((1, 1, 6))(L.GlobalAveragePooling2D()(y))
    scale = L.Conv2D(6, 1, activation="sigmoid", name="scale")(scale)
    y = L.Reshape((4, 54))(L.Multiply()([y, scale]))
    y = L.Reshape((-1, 6))(L.Conv1D(6, 1, name="held")(y))
    model = keras.Model(x, L.Dense(3, "softmax", name="head")(L.Flatten()(y)))
    pictures = np.random.default_rng(0).normal(size=(20, 8, 8, 2)).astype(np.float32)
    data = (pictures, np.arange(20) % 3)
    workload = open_workload(model, (*data, *data))
    network = network_of(workload, recipe(0.5))
    small, result = shrink(workload, network)
    assert small.weights["wide/kernel"].shape[-1] < 6
    assert small.weights["held/kernel"].shape[1] < 54
    bound = {site.path: site.bound for site in workload.sites}
    assert bound["held/kernel"] == "structure.layer"
    assert bound["head/kernel"] == "structure.output"
    one, two = realize(workload, network), realize(small, result)
    np.testing.assert_allclose(
        outputs(one, workload), outputs(two, workload), atol=1e-5
    )


def test_what_retraining_keeps_at_zero_can_still_go() -> None:
    form = case("residual")
    workload = open_workload(form.model, form.data)
    wish = recipe(0.5)
    network = network_of(workload, wish)
    training = Retraining(epochs=1, batch_size=32)
    *_, last = Trainer(workload).run(network, training, recipe=wish)
    assert last.best is not None
    retrained = last.best.network
    before, after = shrink(workload, network), shrink(workload, retrained)
    shapes = [
        {path: tensor.dense.shape for path, tensor in result.tensors.items()}
        for _, result in (before, after)
    ]
    assert shapes[0] == shapes[1]
    assert before[0].model.count_params() < workload.model.count_params()


def test_wrappers_shrink_behind_what_has_shrunk() -> None:
    x = keras.Input((7,), name="words")
    y = L.Embedding(12, 6, name="table")(x)
    y = L.Bidirectional(L.LSTM(5, return_sequences=True, name="ways"), name="both")(y)
    y = L.TimeDistributed(L.Dense(3, "softmax", name="one"), name="each")(y)
    words = np.arange(140).reshape(20, 7) % 12
    model = keras.Model(x, y)
    workload = open_workload(model, (words, words % 3, words, words % 3))
    network = network_of(workload, recipe(0.5))
    small, result = shrink(workload, network)
    assert small.weights["both/forward_ways/kernel"].shape[0] < 6
    assert small.weights["each/one/kernel"].shape[0] < 10
    one, two = realize(workload, network), realize(small, result)
    np.testing.assert_allclose(
        outputs(one, workload), outputs(two, workload), atol=1e-5
    )
