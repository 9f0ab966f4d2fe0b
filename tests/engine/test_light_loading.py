"""Opening a file in the memory of its weights, as Keras would open it."""

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import CASES, case
from workbench.engine.layers import values_of, variables
from workbench.engine.light_loading import open_lightly
from workbench.engine.model_loading import load_model

L = keras.layers


class Own(L.Dense):
    """A class of the user's."""


def opened(model: keras.Model, folder: Path) -> keras.Model | None:
    file = folder / "model.keras"
    model.save(file)
    return open_lightly(file, config(file))


def config(file: Path) -> dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("config.json"))


def chain(*layers: L.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((6,)), *layers])


@pytest.mark.parametrize("name", CASES)
def test_the_values_are_those_that_keras_reads(name: str, tmp_path: Path) -> None:
    model = case(name).model
    found = opened(model, tmp_path)
    if name == "subclassed":
        assert found is None
        return
    assert found is not None
    wanted = {path: values_of(v) for path, v in variables(model).items()}
    made = {path: values_of(v) for path, v in variables(found).items()}
    assert made.keys() == wanted.keys()
    for path, values in wanted.items():
        np.testing.assert_array_equal(made[path], values, path)


def test_only_the_loss_of_what_was_compiled_is_there(tmp_path: Path) -> None:
    model = chain(L.Dense(3))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    found = opened(model, tmp_path)
    assert found is not None
    assert found.loss.get_config() == loss.get_config()
    assert not any("adam" in v.path for v in found.optimizer.variables)


def test_an_unknown_loss_is_none(tmp_path: Path) -> None:
    model = chain(L.Dense(3))
    model.save(tmp_path / "model.keras")
    loss = {"class_name": "Mine", "module": "mine", "registered_name": "mine>Mine"}
    given = config(tmp_path / "model.keras") | {
        "compile_config": {"loss": loss | {"config": {}}}
    }
    found = open_lightly(tmp_path / "model.keras", given)
    assert found is not None
    assert not found.compiled


@pytest.mark.parametrize(
    "layer", [Own(3), L.Normalization(mean=0.0, variance=1.0), L.Lambda(lambda x: x)]
)
def test_what_is_not_only_weights_is_left_to_keras(
    layer: L.Layer, tmp_path: Path
) -> None:
    assert opened(chain(layer, L.Dense(2)), tmp_path) is None


def test_mixed_types_stay(tmp_path: Path) -> None:
    model = chain(L.Dense(3, dtype="mixed_float16"), L.Dense(2, dtype="bfloat16"))
    found = opened(model, tmp_path)
    assert found is not None
    for made, own in zip(found.weights, model.weights, strict=True):
        assert made.dtype == own.dtype
        np.testing.assert_array_equal(values_of(made), values_of(own))


def test_a_file_without_a_layers_values_is_explained(tmp_path: Path) -> None:
    small, large = chain(L.Dense(2)), chain(L.Dense(2), L.Dense(2))
    small.save(tmp_path / "small.keras")
    large.save(tmp_path / "large.keras")
    mixed = tmp_path / "mixed.keras"
    with (
        zipfile.ZipFile(tmp_path / "small.keras") as weights,
        zipfile.ZipFile(tmp_path / "large.keras") as rest,
        zipfile.ZipFile(mixed, "w") as both,
    ):
        for name in ("config.json", "metadata.json"):
            both.writestr(name, rest.read(name))
        both.writestr("model.weights.h5", weights.read("model.weights.h5"))
    assert open_lightly(mixed, config(mixed)) is None
    with pytest.raises(Exception, match="mixed"):
        load_model(mixed)
