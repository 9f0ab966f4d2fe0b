"""The first look without Keras sees what the engine sees later, or less."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from tests.chain.forms import KERAS_2_FILE
from tests.chain.models import CASES, case
from tests.core.keras_2 import entry
from workbench import demo
from workbench.core.model_file import glance
from workbench.engine.layers import variables
from workbench.engine.sites import sites

# Keras 3.15 reads TensorFlow's variables in the way of NumPy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")


def everything():
    """Every layer that is known here, nested, shared and wrapped."""
    image = keras.Input((8, 8, 3), name="image")
    row = keras.Input((5,), name="row")
    words = keras.Input((6,), dtype="int32", name="words")
    inner = keras.Sequential(
        [layers.Conv2D(4, 3), layers.BatchNormalization()], name="inner"
    )
    x = layers.SeparableConv2D(5, 3)(inner(image))
    x = layers.Flatten()(layers.Conv2DTranspose(3, 2)(layers.DepthwiseConv2D(2)(x)))
    shared = layers.Dense(5, name="shared")
    y = layers.Add()([shared(shared(row)), row])
    y = layers.EinsumDense("ab,bc->ac", output_shape=6)(y)
    e = layers.Embedding(20, 8)(words)
    e = layers.MultiHeadAttention(2, 4, name="attention")(e, e)
    e = layers.GroupQueryAttention(4, 2, 2)(e, e)
    b = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(e)
    b = layers.TimeDistributed(layers.Dense(7))(b)
    b = layers.GRU(6, name="gate")(b)
    r = layers.RNN(layers.LSTMCell(4), return_sequences=True, name="cells")(e)
    r = layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], name="stack")(r)
    c = layers.DepthwiseConv1D(2)(layers.Conv1D(4, 3)(e))
    c = layers.PReLU()(layers.GlobalAveragePooling1D()(c))
    c = layers.SpectralNormalization(layers.Dense(4))(c)
    given = keras.Input((5,))
    deep = keras.Sequential([layers.Dense(4, name="first")], name="deeper")
    deep = keras.Model(given, layers.Dense(3, name="last")(deep(given)), name="deep")
    out = layers.Concatenate()(
        [x, y, b, r, c, deep(row), layers.SimpleRNN(3)(e), layers.Flatten()(e)]
    )
    out = layers.Dense(3, activation="softmax", name="out")(out)
    return keras.Model([image, row, words], out, name="everything")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return everything()


def by_engine(model):
    found = sites(model)
    values = variables(model)
    return found, {site.path: np.asarray(values[site.path]) for site in found}


def load(path):
    model = keras.models.load_model(path, compile=False)
    assert isinstance(model, keras.Model)
    return model


def assert_same(first, model):
    found, values = by_engine(model)
    assert first.sites == found
    assert list(first.weights) == [site.path for site in found]
    for path, weights in first.weights.items():
        assert weights.dtype == np.float32
        np.testing.assert_array_equal(weights, values[path])


@pytest.mark.parametrize("name", demo.names())
def test_a_demo_looks_as_the_engine_sees_it(name):
    path, _ = demo.paths(name)
    first = glance(path)
    model = load(path)
    assert_same(first, model)
    assert first.name == model.name
    total = sum(v.numpy().size for v in variables(model).values())
    assert first.other_parameters == total - sum(s.parameters for s in first.sites)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_every_known_layer_in_both_layouts(model, tmp_path, suffix):
    path = tmp_path / f"model.{suffix}"
    model.save(path)
    first = glance(path)
    assert_same(first, load(path))
    assert {site.kind for site in first.sites} == {
        "conv", "dense", "depthwise", "einsum", "embedding", "recurrent",
    }  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_no_form_of_model_gets_a_wrong_address(name, suffix, tmp_path):
    path = KERAS_2_FILE
    model = case(name).model
    if name != "keras2":
        path = tmp_path / f"model.{suffix}"
        model.save(path)
    first = glance(path)
    found, values = by_engine(model)
    by_path = {site.path: site for site in found}
    assert first.sites == tuple(by_path[site.path] for site in first.sites)
    for path, weights in first.weights.items():
        np.testing.assert_array_equal(weights, values[path].astype(np.float32))
    # Only the layers of the user are unknown here.
    if name != "subclassed":
        assert first.sites == found


def test_a_folder_of_another_layer_is_not_taken(tmp_path):
    path, _ = demo.paths("lenet")
    damaged = tmp_path / "renamed.keras"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(damaged, "w") as new:
        config = old.read("config.json").replace(b'"dense_1"', b'"other"')
        new.writestr("config.json", config)
        new.writestr("model.weights.h5", old.read("model.weights.h5"))
    assert list(glance(damaged).weights) == ["dense_2/kernel", "scores/kernel"]


def test_a_subclassed_model_shows_nothing(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(entry("Mine", "mine")))
        h5 = tmp_path / "w.h5"
        with h5py.File(h5, "w") as file:
            file["layers/dense/vars/0"] = np.ones((2, 2), np.float32)
        archive.write(h5, "model.weights.h5")
    first = glance(path)
    assert first.sites == ()
    assert first.other_parameters == 4
