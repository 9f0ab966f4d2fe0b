"""Files that hold no model, and models that nothing can be done with."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tests.chain.forms import KERAS_2_FILE
from tests.engine.scoring import L, refusal, small
from workbench.engine.model_loading import check_model, load_model


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
