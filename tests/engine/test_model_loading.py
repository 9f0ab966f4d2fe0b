"""Opening model files: of either Keras, with the user's code or without."""

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.chain.forms import KERAS_2_FILE
from tests.chain.models import CASES, accuracy, case, predict
from tests.engine.scoring import L, refusal, small
from workbench.engine.keras2 import translated
from workbench.engine.model_loading import load_model

OWN = """
import keras

class Twice(keras.layers.Dense):
    def call(self, x, **kwargs):
        return 2 * super().call(x)

def loss(y, p):
    return p
"""


@pytest.mark.parametrize("name", CASES)
def test_what_keras_saves_is_opened(name: str, tmp_path: Path) -> None:
    one = case(name)
    file = tmp_path / "model.keras"
    one.model.save(file)
    opened = load_model(file)
    assert accuracy(opened, one.data) == accuracy(one.model, one.data)
    assert opened.compiled


def test_h5_of_keras_3_is_opened(tmp_path: Path) -> None:
    one = case("residual")
    file = tmp_path / "model.h5"
    one.model.save(file)
    assert accuracy(load_model(file), one.data) == accuracy(one.model, one.data)


def test_h5_of_keras_2_is_opened_with_its_loss() -> None:
    one = case("keras2")
    assert accuracy(one.model, one.data) > 0.8
    assert one.model.compiled
    assert one.model.get_layer("depthwise").kernel.shape == (3, 3, 4, 1)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"class_name": "TFOpLambda", "config": {}}, "open.keras2_gone"),
        (
            {"class_name": "LSTM", "config": {"recurrent_activation": "hard_sigmoid"}},
            "open.keras2_changed",
        ),
        (
            {"class_name": "LSTM", "config": {"time_major": True}},
            "open.keras2_changed",
        ),
    ],
)
def test_what_keras_3_means_otherwise_is_refused(config: dict, key: str) -> None:
    assert refusal(lambda: translated([config], KERAS_2_FILE)).key == key


def test_a_thresholded_relu_of_keras_2_is_a_relu() -> None:
    old = {"class_name": "ThresholdedReLU", "config": {"name": "a", "theta": 2.0}}
    assert translated(old, KERAS_2_FILE) == {
        "class_name": "ReLU",
        "config": {"name": "a", "threshold": 2.0},
    }


@pytest.mark.parametrize(
    ("layer", "old"),
    [
        (L.MultiHeadAttention(1, 2), {"query_shape": [None, 6, 8]}),
        (L.MultiHeadAttention(1, 2), {"softmax_robust_masking": False}),
        (L.RandomFlip(), {"rng_type": "stateful"}),
        (L.DepthwiseConv2D(3), {"groups": 1}),
    ],
)
def test_arguments_of_keras_2_alone_are_left_out(layer: keras.Layer, old: dict) -> None:
    name, config = type(layer).__name__, layer.get_config()
    given = {"class_name": name, "config": config | old}
    again = type(layer).from_config(translated(given, Path("old.h5"))["config"])
    assert again.get_config() == config


def test_a_tensor_that_keras_2_gives_by_name_is_one() -> None:
    config = L.MultiHeadAttention(1, 2, name="attention").get_config()
    link = ["x", 0, 0, {"value": ["x", 0, 0], "use_causal_mask": True}]
    layers = [
        {
            "class_name": "InputLayer",
            "config": {"batch_input_shape": [None, 4, 3], "name": "x"},
            "name": "x",
            "inbound_nodes": [],
        },
        {
            "class_name": "MultiHeadAttention",
            "config": config,
            "name": "attention",
            "inbound_nodes": [[link]],
        },
    ]
    graph = {"layers": layers, "input_layers": [["x", 0, 0]]}
    graph |= {"output_layers": [["attention", 0, 0]], "name": "old"}
    given = {"class_name": "Functional", "config": graph}
    model = keras.Model.from_config(translated(given, Path("old.h5"))["config"])
    assert model.output_shape == (None, 4, 3)
    x = np.random.default_rng(0).normal(size=(2, 4, 3))
    x[1, :2] = x[0, :2]
    first, second = np.asarray(model(x))[:, 1]
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_policy_of_keras_2_is_one_of_keras_3() -> None:
    policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    given = {"class_name": "Dense", "config": {"units": 2, "dtype": policy}}
    layer = L.Dense.from_config(translated(given, Path("old.h5"))["config"])
    assert layer.compute_dtype == "float16"


def test_a_lambda_is_refused_unless_trusted(tmp_path: Path) -> None:
    file = tmp_path / "code.keras"
    model = small(L.Dense(2), L.Lambda(lambda x: x + 1, name="plus"))
    model.save(file)
    error = refusal(lambda: load_model(file))
    assert error.key == "open.carries_code"
    assert error.values["layer"] == "plus"
    assert "--trust-code" in str(error)
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(
        predict(load_model(file, trust_code=True), x),
        predict(model, x),
    )


def test_an_unknown_layer_is_named_and_can_be_given(tmp_path: Path) -> None:
    code = tmp_path / "own.py"
    code.write_text(OWN)
    scope: dict = {}
    exec(OWN, scope)
    file = tmp_path / "model.keras"
    small(scope["Twice"](2)).save(file)
    error = refusal(lambda: load_model(file))
    assert error.key == "open.unknown_object"
    assert error.values["name"] == "Twice"
    for given in (code, {"Twice": scope["Twice"]}):
        opened = load_model(file, custom_objects=given)
        assert type(opened.layers[0]).__name__ == "Twice"


def test_an_operation_in_an_h5_of_keras_3_is_named(tmp_path: Path) -> None:
    words = keras.Input((4,), dtype="int32")
    y = L.LSTM(3)(L.Embedding(5, 2, mask_zero=True)(words))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.Model(words, L.Dense(2)(y)).save(tmp_path / "model.h5")
    error = refusal(lambda: load_model(tmp_path / "model.h5"))
    assert error.key == "open.h5_operation"
    assert "NotEqual" in str(error)


def test_an_unknown_loss_does_not_keep_a_model_closed(tmp_path: Path) -> None:
    scope: dict = {}
    exec(OWN, scope)
    model = small(L.Dense(2))
    model.compile("adam", scope["loss"])
    model.save(tmp_path / "model.keras")
    assert not load_model(tmp_path / "model.keras").compiled


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("raise OSError('no')", "open.code_fails"),
        ("def", "open.code_fails"),
        (None, "open.code_file"),
    ],
)
def test_code_that_does_not_run(text: str | None, key: str, tmp_path: Path) -> None:
    code = tmp_path / "own.py"
    if text is not None:
        code.write_text(text)
    model = tmp_path / "model.keras"
    small(L.Dense(2)).save(model)
    assert refusal(lambda: load_model(model, custom_objects=code)).key == key
