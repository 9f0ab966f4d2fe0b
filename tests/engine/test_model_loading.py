"""Opening model files, good and bad."""

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tests.chain.forms import KERAS_2_FILE
from tests.chain.models import CASES, accuracy, case, predict
from workbench.core.errors import UserError
from workbench.engine.keras2 import translated
from workbench.engine.model_loading import check_model, load_model

L = keras.layers
OWN = """
import keras

class Twice(keras.layers.Dense):
    def call(self, x, **kwargs):
        return 2 * super().call(x)

def loss(y, p):
    return p
"""


def small(*layers: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((3,), name="x"), *layers])


def refusal(call: Callable[[], object]) -> UserError:
    with pytest.raises(UserError) as error:
        call()
    assert error.value.text("zh") != str(error.value)
    assert "\n" not in str(error.value)
    return error.value


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


def _truncated(folder: Path) -> Path:
    file = folder / "model.keras"
    small(L.Dense(2)).save(file)
    file.write_bytes(file.read_bytes()[:-200])
    return file


def _flipped(folder: Path) -> Path:
    file = folder / "model.keras"
    small(L.Dense(50)).save(file)
    content = bytearray(file.read_bytes())
    at = content.index(b"keras_version")
    content[at : at + 4] = b"KERA"
    file.write_bytes(content)
    return file


def _text(folder: Path) -> Path:
    file = folder / "model.keras"
    file.write_text("hello")
    return file


def _zip(folder: Path) -> Path:
    file = folder / "model.keras"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", "{}")
    return file


def _weights(folder: Path) -> Path:
    file = folder / "model.weights.h5"
    small(L.Dense(2)).save_weights(file)
    return file


def _renamed_weights(folder: Path) -> Path:
    return _weights(folder).rename(folder / "model.h5")


def _truncated_h5(folder: Path) -> Path:
    file = folder / "model.h5"
    file.write_bytes(KERAS_2_FILE.read_bytes()[:9000])
    return file


def _empty_h5(folder: Path) -> Path:
    file = folder / "model.h5"
    h5py.File(file, "w").close()
    return file


def _h5_named_keras(folder: Path) -> Path:
    file = folder / "model.keras"
    file.write_bytes(KERAS_2_FILE.read_bytes())
    return file


def _saved_model(folder: Path) -> Path:
    (folder / "saved_model.pb").touch()
    return folder


def _keras_2_zip(folder: Path) -> Path:
    file = folder / "model.keras"
    small(L.Dense(2)).save(file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["metadata.json"] = json.dumps({"keras_version": "2.15.0"}).encode()
    parts["config.json"] = parts["config.json"].replace(b'"Dense"', b'"Functional_"')
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (_truncated, "open.damaged"),
        (_flipped, "open.damaged"),
        (_text, "open.damaged"),
        (_zip, "open.not_a_model"),
        (_weights, "open.weights_only"),
        (_renamed_weights, "open.weights_only"),
        (_truncated_h5, "open.damaged"),
        (_empty_h5, "open.not_a_model"),
        (_h5_named_keras, "open.h5_named_keras"),
        (_saved_model, "open.saved_model"),
        (_keras_2_zip, "open.keras2_zip"),
        (lambda folder: folder, "open.directory"),
        (lambda folder: folder / "none.keras", "open.missing"),
        (lambda folder: _text(folder).rename(folder / "a.onnx"), "open.suffix"),
    ],
)
def test_files_that_hold_no_model(
    make: Callable[[Path], Path], key: str, tmp_path: Path
) -> None:
    file = make(tmp_path)
    assert refusal(lambda: load_model(file)).key == key


def test_weights_that_are_not_finite_are_named() -> None:
    model = small(L.Dense(2, name="a"), L.Dense(2, name="b"))
    kernel, bias = model.get_layer("b").get_weights()
    kernel[0, 0] = np.nan
    model.get_layer("b").set_weights([kernel, bias])
    error = refusal(lambda: check_model(model))
    assert error.key == "open.weights_not_finite"
    assert error.values["path"] == "b/kernel"


def test_models_without_anything_to_do_are_refused() -> None:
    assert refusal(lambda: check_model(small(L.ReLU()))).key == "open.no_kernels"
    empty = keras.Sequential([L.Dense(2)])
    assert refusal(lambda: check_model(empty)).key == "open.unbuilt"


def test_a_model_that_takes_text_is_refused() -> None:
    words = keras.Input((), dtype="string", name="words")
    found = L.TextVectorization(vocabulary=["a", "b"], output_sequence_length=3)
    y = L.Flatten()(L.Embedding(4, 2)(found(words)))
    error = refusal(lambda: check_model(keras.Model(words, L.Dense(2)(y))))
    assert error.key == "open.text_input"
    assert error.values["name"] == "words"


@pytest.mark.parametrize(
    ("model_name", "layer_name"),
    [("my model", "a"), ("_m", "a"), ("m", "first layer"), ("m", "卷积")],
)
def test_names_that_tensorflow_does_not_run_are_refused(
    model_name: str, layer_name: str
) -> None:
    inputs = keras.Input((4,))
    outputs = L.Dense(2, name=layer_name)(inputs)
    model = keras.Model(inputs, outputs, name=model_name)
    error = refusal(lambda: check_model(model))
    assert error.key == "open.name"
    assert error.values["received"] in {model_name, layer_name}


def test_other_names_are_taken() -> None:
    inputs = keras.Input((4,))
    outputs = L.Dense(2, name="_a-1.b>c")(inputs)
    check_model(keras.Model(inputs, outputs, name="m_1.b"))
