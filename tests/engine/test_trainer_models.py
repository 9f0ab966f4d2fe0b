"""Retraining of other models: frozen layers, embeddings, any loss, few data, none."""

import keras
import numpy as np
import pytest

from tests.engine.training import (
    MANY,
    L,
    best,
    blobs,
    mask,
    net,
    network_of,
    others,
    recipe_of,
    retrain,
    workload_of,
)
from workbench.core.errors import UserError
from workbench.core.recipe import Recipe
from workbench.engine.evaluator import Evaluator
from workbench.engine.workload import open_workload


def test_frozen_layers_keep_their_compressed_weights():
    workload = workload_of(net(trainable=False))
    before = network_of(workload, recipe_of(bits=4))
    after = best(retrain(workload, recipe_of(bits=4)))
    frozen, free = "first/kernel", "last/kernel"
    now = {path: after.network.tensors[path].dense for path in (frozen, free)}
    assert np.array_equal(now[frozen], before.tensors[frozen].dense)
    assert not np.array_equal(now[free], before.tensors[free].dense)
    assert after.network.digests[frozen] == before.digests[frozen]
    assert np.array_equal(others(after)["first/bias"], workload.others["first/bias"])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "mixed_float16"])
def test_every_number_format_is_trained_and_measured(dtype):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="float32"),
            L.Dense(8, dtype=dtype, name="first"),
            L.BatchNormalization(dtype=dtype),
            L.Dense(3, "softmax", dtype=dtype, name="last"),
        ]
    )
    workload = workload_of(model, loss="sparse_categorical_crossentropy")
    progress = retrain(workload, recipe_of(bits=8))
    assert np.isfinite(progress[-1].loss)
    *_, measured = Evaluator(workload).run(best(progress).network)
    assert measured.is_exact


def test_any_loss_and_metric():
    keras.utils.set_random_seed(1)
    given = keras.Input((6,))
    model = keras.Model(given, L.Dense(1, name="out")(L.Dense(4, "tanh")(given)))
    x, _ = blobs(96)
    y = x[:, :1] - x[:, 1:2]
    workload = open_workload(
        model,
        (x, y, x, y),
        metric=lambda y_true, y_pred: np.abs(y_true - y_pred)[:, 0],
        higher_is_better=False,
        loss="mse",
    )
    said = retrain(workload, recipe_of(0.3, bits=6), MANY)
    scores = [p.validation for p in said if p.validation is not None]
    assert best(said).validation == min(scores)
    assert scores[-1] < scores[0]


def test_tiny_data_is_enough():
    x, y = blobs(3)
    workload = open_workload(net(), (x, y, x, y))
    assert retrain(workload, recipe_of())[-1].steps == 1


def test_embeddings_have_sparse_gradients():
    given = keras.Input((5,), dtype="int32")
    x = L.GlobalAveragePooling1D()(L.Embedding(7, 4, name="table")(given))
    model = keras.Model(given, L.Dense(3, "softmax")(x))
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 7, (64, 5)), rng.integers(0, 3, 64)
    workload = open_workload(model, (x, y, x, y))
    table = best(retrain(workload, recipe_of(bits=4))).network.tensors[
        "table/embeddings"
    ]
    assert not table.dense[~mask(table)].any()
    assert table.dense.any()


def test_without_training_data_there_is_no_retraining():
    x, y = blobs(32)
    workload = open_workload(net(), (x, y))
    with pytest.raises(UserError, match="needs training samples"):
        retrain(workload, recipe_of())


def test_a_loss_that_is_no_number_is_said():
    def broken(_, said):
        return keras.ops.log(keras.ops.full_like(said, -1))

    workload = workload_of(net(), loss=broken)
    with pytest.raises(UserError, match="finite number"):
        retrain(workload, recipe_of())


def test_a_model_that_gives_no_number_is_said_before_a_rate_is_blamed():
    given = keras.Input((6,))
    below_zero = L.Dense(1, "sigmoid", name="last")(given) - 2
    model = keras.Model(given, keras.ops.log(below_zero))
    x, _ = blobs(48)
    workload = open_workload(model, (x, x[:, :1], x, x[:, :1]), loss="mse")
    with pytest.raises(UserError) as raised:
        retrain(workload, Recipe())
    assert raised.value.key == "train.no_number"


def test_a_loss_that_does_not_fit_is_said_in_its_own_words():
    x, y = blobs(48)
    workload = open_workload(net(), (x, y, x, y), loss="mse")
    with pytest.raises(UserError) as raised:
        retrain(workload, Recipe())
    assert raised.value.key == "train.loss_misfits"
    assert "\n" not in str(raised.value)
