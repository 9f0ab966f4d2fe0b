"""Models that are damaged, foreign, or no models."""

import json
import zipfile

import keras
import numpy as np

from tests.bad_inputs.spoiling import bad, compress, evaluate, opened, saved
from tests.chain.forms import KERAS_2_FILE


@bad("file that exists")
def no_such_model(good, at):
    return ["doctor", at / "nothing.keras"]


@bad("a demo (cnn, lenet, lstm)")
def unknown_demo(good, at):
    return ["evaluate", "resnet"]


@bad("cannot be read")
def truncated_model(good, at):
    whole = good.model.read_bytes()
    (at / "cut.keras").write_bytes(whole[: len(whole) // 2])
    return ["doctor", at / "cut.keras"]


@bad("whole")
def truncated_model_to_compress(good, at):
    whole = good.model.read_bytes()
    (at / "cut.keras").write_bytes(whole[: len(whole) // 2])
    words = compress(good, at, "--bits", "8")
    return ["compress", at / "cut.keras", *words[2:]]


@bad("whole file")
def one_byte_wrong(good, at):
    content = bytearray(good.model.read_bytes())
    content[len(content) // 2] ^= 0xFF
    (at / "flipped.keras").write_bytes(content)
    return evaluate(at / "flipped.keras", good.data)


@bad("whole file")
def no_zip(good, at):
    (at / "text.keras").write_text("no model")
    return ["doctor", at / "text.keras"]


@bad("whole file")
def empty_file(good, at):
    (at / "empty.h5").write_bytes(b"")
    return ["doctor", at / "empty.h5"]


@bad("is not in it")
def zip_without_model(good, at):
    with zipfile.ZipFile(at / "other.keras", "w") as archive:
        archive.writestr("readme.txt", "no model")
    return ["doctor", at / "other.keras"]


@bad("rename it")
def h5_named_keras(good, at):
    (at / "old.keras").write_bytes(KERAS_2_FILE.read_bytes())
    return ["doctor", at / "old.keras"]


@bad("weights without a model")
def weights_alone(good, at):
    opened(good).save_weights(at / "some.weights.h5")
    return ["doctor", at / "some.weights.h5"]


@bad("SavedModel")
def saved_model_folder(good, at):
    (at / "exported").mkdir()
    (at / "exported" / "saved_model.pb").write_bytes(b"\x08\x01")
    return ["doctor", at / "exported"]


@bad("is a folder")
def folder_as_model(good, at):
    (at / "empty").mkdir()
    return ["doctor", at / "empty"]


@bad("must end in .keras or .h5")
def tflite_as_model(good, at):
    (at / "model.tflite").write_bytes(b"\x1c\x00\x00\x00TFL3")
    return evaluate(at / "model.tflite", good.data)


@bad("--trust-code")
def lambda_layer(good, at):
    double = keras.layers.Lambda(lambda x: x * 2)
    model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(3), double])
    return ["doctor", saved(model, at)]


@bad("--custom-objects")
def unknown_layer(good, at):
    path = saved(opened(good), at)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    hidden = config["config"]["layers"][1]
    hidden |= {"module": "mine", "class_name": "Mystery", "registered_name": "Mystery"}
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return evaluate(path, good.data)


@bad("NaN or infinity")
def weights_of_nan(good, at):
    model = opened(good)
    weights = model.get_weights()
    weights[0][0, 0] = np.nan
    model.set_weights(weights)
    return ["doctor", saved(model, at)]


@bad("at least one weight matrix")
def model_without_kernels(good, at):
    model = keras.Sequential([keras.Input((12,)), keras.layers.Rescaling(2.0)])
    return ["doctor", saved(model, at)]
