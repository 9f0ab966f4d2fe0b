"""Bidirectional layers whose input kernels are products."""

import keras
import numpy as np
import pytest

from workbench.core.codes import LowRank
from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe, Retraining
from workbench.engine.live import LiveModel
from workbench.engine.realize import realized
from workbench.engine.trainer import Trainer
from workbench.engine.workload import open_workload

L = keras.layers


def model_of(kind, merge_mode="concat", *, is_sequence=False, is_masked=False):
    keras.utils.set_random_seed(3)
    x = keras.Input((7, 24), name="series")
    y = L.Masking()(x) if is_masked else x
    way = kind(9, return_sequences=is_sequence, name="ways")
    y = L.Bidirectional(way, merge_mode=merge_mode, name="both")(y)
    y = y if merge_mode else L.Concatenate(name="joined")(y)
    y = L.LSTM(5, name="after")(y) if is_sequence else y
    return keras.Model(x, L.Dense(3, activation="softmax", name="head")(y))


def data():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 7, 24)).astype(np.float32)
    x[:, 5:][::2] = 0
    return x, rng.integers(0, 3, 60)


def halved(model, target="both/*_ways/kernel"):
    x, y = data()
    arrays = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    workload = open_workload(model, arrays)
    recipe = Recipe((Plan(target, (Choice.of("svd", rank=0.5, scope="tensor"),)),))
    network = compress(
        workload.sites, workload.weights, recipe, digests=workload.digests
    )
    return workload, network, recipe


def agree(workload, network, model):
    live = LiveModel(workload)
    live.assign(network)
    x = data()[0]
    np.testing.assert_allclose(
        np.asarray(model(x)), np.asarray(live.predict([x])), atol=1e-5
    )


@pytest.mark.parametrize(
    ("kind", "merge_mode", "is_sequence"),
    [
        (L.LSTM, "concat", True),
        (L.LSTM, "concat", False),
        (L.GRU, "sum", True),
        (L.GRU, "mul", False),
        (L.SimpleRNN, "ave", True),
        (L.LSTM, None, False),
    ],
)
def test_both_ways_are_entered_through_their_factors(
    kind, merge_mode, is_sequence, tmp_path
):
    model = model_of(kind, merge_mode, is_sequence=is_sequence)
    workload, network, _ = halved(model)
    codes = [t.code for t in network.tensors.values() if isinstance(t.code, LowRank)]
    assert len(codes) == 2
    found = realized(workload, network)
    assert found.whole == ()
    saved = sum(
        int(np.prod(code.shape)) - sum(part.dense.size for part in code.factors)
        for code in codes
    )
    assert saved > 0
    assert found.model.count_params() == model.count_params() - saved
    found.model.save(tmp_path / "model.keras")
    agree(workload, network, keras.saving.load_model(tmp_path / "model.keras"))


def test_one_way_alone_may_be_a_product():
    workload, network, _ = halved(model_of(L.LSTM), target="both/backward_ways/kernel")
    found = realized(workload, network)
    assert found.whole == ()
    assert found.model.count_params() < workload.model.count_params()
    agree(workload, network, found.model)


@pytest.mark.parametrize("is_sequence", [False, True])
def test_where_a_mask_may_come_the_product_stays_and_says_why(is_sequence):
    model = model_of(L.LSTM, is_sequence=is_sequence, is_masked=True)
    workload, network, _ = halved(model)
    found = realized(workload, network)
    assert {one.reason for one in found.whole} == {"low_rank.no_layers"}
    assert found.model.count_params() == model.count_params()
    agree(workload, network, found.model)


def test_it_is_retrained_as_factors_and_kept_so():
    workload, network, recipe = halved(model_of(L.GRU))
    quick = Retraining(epochs=1, learning_rate=0.003, batch_size=32)
    *_, last = Trainer(workload).run(network, quick, recipe=recipe)
    assert last.best is not None
    trained = last.best.network
    assert trained.digest != network.digest
    found = realized(workload, trained)
    assert found.whole == ()
    agree(workload, trained, found.model)
