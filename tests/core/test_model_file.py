"""The first look without Keras sees what the engine sees later, or less."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from tests.chain.models import CASES, KERAS_2_FILE, case
from workbench import demo
from workbench.core.errors import UserError
from workbench.core.model_config import kernels
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


def write_keras_2(path, config, weights):
    """The file that Keras 2 writes: ``{layer: {weight name: values}}``."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.15.0"
        file.attrs["model_config"] = json.dumps(config).encode()
        root = file.create_group("model_weights")
        for layer, values in weights.items():
            group = root.create_group(layer)
            for name, array in values.items():
                group[name] = array


def entry(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, **config}}


def test_the_names_of_keras_2(tmp_path):
    rng = np.random.default_rng(0)

    def array(*shape):
        return rng.normal(size=shape).astype(np.float32)

    dense, kernel, depthwise, timed = (
        array(4, 3),
        array(3, 8),
        array(3, 3, 4, 1),
        array(5, 2),
    )
    forward, backward = array(5, 16), array(5, 16)
    inner = entry("Sequential", "inner", layers=[
        entry("Dense", "dense_7"), entry("LSTM", "lstm_2"),
    ])  # fmt: skip
    config = entry("Functional", "old", layers=[
        entry("DepthwiseConv2D", "dw"),
        inner,
        entry("TimeDistributed", "td", layer=entry("Dense", "dense_9")),
        entry("Bidirectional", "both", layer=entry("LSTM", "lstm_3")),
    ])  # fmt: skip
    path = tmp_path / "old.h5"
    write_keras_2(path, config, {
        "dw": {"dw/depthwise_kernel:0": depthwise, "dw/bias:0": array(4)},
        "inner": {
            "dense_7/kernel:0": dense,
            "lstm_2/lstm_cell_5/kernel:0": kernel,
            "lstm_2/lstm_cell_5/recurrent_kernel:0": array(2, 8),
        },
        "td": {"td/kernel:0": timed},
        "both": {
            "both/forward_lstm_3/lstm_cell_6/kernel:0": forward,
            "both/backward_lstm_3/lstm_cell_7/kernel:0": backward,
        },
    })  # fmt: skip
    found = glance(path).weights
    assert list(found) == [
        "dw/kernel",
        "inner/dense_7/kernel",
        "inner/lstm_2/kernel",
        "inner/lstm_2/recurrent_kernel",
        "td/dense/kernel",
        "both/forward_lstm_3/kernel",
        "both/backward_lstm_3/kernel",
    ]
    for path, values in {
        "dw/kernel": depthwise,
        "inner/dense_7/kernel": dense,
        "inner/lstm_2/kernel": kernel,
        "td/dense/kernel": timed,
        "both/forward_lstm_3/kernel": forward,
        "both/backward_lstm_3/kernel": backward,
    }.items():
        np.testing.assert_array_equal(found[path], values)


def test_what_names_do_not_single_out_is_left_out(tmp_path):
    config = entry("Sequential", "old", layers=[
        entry("Sequential", "inner", layers=[
            entry("Dense", "a"), entry("Dense", "b"),
        ]),
    ])  # fmt: skip
    path = tmp_path / "old.h5"
    one = np.ones((2, 2), np.float32)
    write_keras_2(path, config, {"inner": {"a/kernel:0": one, "c/kernel:0": one}})
    assert list(glance(path).weights) == ["inner/a/kernel"]


def test_the_oldest_configuration_lists_its_layers_bare():
    config = {"class_name": "Sequential", "config": [entry("Dense", "a")]}
    assert [kernel.address for kernel in kernels(config)] == ["a/kernel"]


def test_unknown_layers_and_quantized_ones_are_left_out():
    config = entry("Functional", "m", layers=[
        entry("Mine", "mine", units=3),
        entry("Dense", "int8", dtype={"class_name": "QuantizedDTypePolicy"}),
        {"class_name": "Add", "module": "keras.src.ops.numpy", "config": {"name": "+"}},
        entry("pkg>Dense", "dense"),
    ])  # fmt: skip
    assert [kernel.address for kernel in kernels(config)] == ["dense/kernel"]


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


def cut(path, tmp_path, length):
    damaged = tmp_path / path.name
    damaged.write_bytes(path.read_bytes()[:length])
    return damaged


@pytest.mark.parametrize("length", [4, 1000, -1000])
def test_a_cut_file_is_said_to_be_damaged(tmp_path, length):
    path, _ = demo.paths("lenet")
    with pytest.raises(UserError, match="damaged"):
        glance(cut(path, tmp_path, length))


def test_a_cut_legacy_file_is_said_to_be_damaged(tmp_path):
    path = tmp_path / "old.h5"
    write_keras_2(
        path, entry("Sequential", "s", layers=[]), {"a": {"b": np.ones(9999)}}
    )
    (tmp_path / "cut").mkdir()
    with pytest.raises(UserError, match="damaged"):
        glance(cut(path, tmp_path / "cut", 3000))


def test_flipped_bytes_are_found(tmp_path):
    path, _ = demo.paths("lenet")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 0xFF
    damaged = tmp_path / "flipped.keras"
    damaged.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        _ = glance(damaged).weights


@pytest.mark.parametrize(
    "config", ["", "{", "[]", "null", '{"class_name": "Functional"}']
)
def test_a_broken_configuration_is_said_to_be_damaged(tmp_path, config):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(UserError, match="damaged"):
        glance(path)


def test_what_is_no_model_is_said_so(tmp_path):
    with pytest.raises(UserError, match="must exist"):
        glance(tmp_path / "none.keras")
    with pytest.raises(UserError, match="folder"):
        glance(tmp_path)
    other = tmp_path / "letter.keras"
    other.write_text("Dear Sir")
    with pytest.raises(UserError, match="written by Keras"):
        glance(other)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("letter.txt", "Dear Sir")
    with pytest.raises(UserError, match="written by Keras"):
        glance(other)
    weights = tmp_path / "model.weights.h5"
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"] = np.ones((2, 2), np.float32)
    with pytest.raises(UserError, match="only weights"):
        glance(weights)
