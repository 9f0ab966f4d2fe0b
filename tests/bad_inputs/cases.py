"""Bad inputs by name: each spoils something and gives the command that meets it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from PIL import Image

from tests.chain.models import KERAS_2_FILE

if TYPE_CHECKING:
    from tests.bad_inputs.conftest import Good

Words = list[Any]
Case = Callable[["Good", Path], Words]
CASES: dict[str, tuple[Case, str]] = {}


def bad(said: str) -> Callable[[Case], Case]:
    """Register a case; `said` is part of the sentence that must come."""

    def add(case: Case) -> Case:
        CASES[case.__name__] = case, said
        return case

    return add


def evaluate(model: Path, data: Path, *more: object) -> Words:
    return ["evaluate", model, "--data", data, *more]


def compress(good: Good, at: Path, *more: object, data: Path | None = None) -> Words:
    words = ["compress", good.model, "--data", data or good.data, "--out", at / "out"]
    return [*words, "--formats", "keras", *more]


def with_arrays(good: Good, at: Path, **changed: Any) -> Words:
    """Evaluate on the good data with some arrays changed; None takes one away."""
    arrays = good.arrays | changed
    path = at / "bad.npz"
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return evaluate(good.model, path)


def with_recipe(good: Good, at: Path, text: str) -> Words:
    (at / "recipe.yaml").write_text(text, "utf-8")
    return compress(good, at, "--recipe", at / "recipe.yaml")


def with_code(at: Path, text: str) -> Path:
    (at / "code.py").write_text(text, "utf-8")
    return at / "code.py"


def saved(model: keras.Model, at: Path) -> Path:
    model.save(at / "bad.keras")
    return at / "bad.keras"


def opened(good: Good) -> keras.Model:
    model: Any = keras.saving.load_model(good.model, compile=False)
    return model


# Models.


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


# Data.


@bad("must exist")
def no_such_data(good, at):
    return evaluate(good.model, at / "nothing.npz")


@bad("--data")
def no_data(good, at):
    return ["evaluate", good.model]


@bad("must be an .npz file or a folder")
def data_of_another_kind(good, at):
    (at / "data.csv").write_text("1,2")
    return evaluate(good.model, at / "data.csv")


@bad("whole file")
def truncated_data(good, at):
    (at / "cut.npz").write_bytes(good.data.read_bytes()[:1000])
    return evaluate(good.model, at / "cut.npz")


@bad("must have the arrays")
def wrong_keys(good, at):
    np.savez(at / "keys.npz", images=good.arrays["x_test"])
    return evaluate(good.model, at / "keys.npz")


@bad("must have the arrays")
def labels_missing(good, at):
    return with_arrays(good, at, y_test=None)


@bad("as many samples")
def lengths_apart(good, at):
    return with_arrays(good, at, y_test=good.arrays["y_test"][:-1])


@bad("must have the shape")
def wrong_shape(good, at):
    return with_arrays(good, at, x_test=good.arrays["x_test"][:, :-1])


@bad("must have the shape")
def wrong_shape_of_training_data(good, at):
    return with_arrays(good, at, x_train=good.arrays["x_train"][:, :-1])


@bad("pickled")
def pickled_arrays(good, at):
    np.savez(at / "bad.npz", x_test=np.array([{}, []], object), allow_pickle=True)
    return evaluate(good.model, at / "bad.npz")


@bad("must hold numbers")
def words_as_data(good, at):
    return with_arrays(good, at, x_test=np.full((96, 12), "word"))


@bad("NaN or infinity")
def data_of_nan(good, at):
    x = good.arrays["x_test"]
    x[3, 4] = np.nan
    return with_arrays(good, at, x_test=x)


@bad("it is empty")
def empty_data(good, at):
    arrays = good.arrays
    empty = {name: arrays[name][:0] for name in ("x_test", "y_test")}
    return with_arrays(good, at, **empty)


@bad("must lie in [0, 2]")
def labels_out_of_range(good, at):
    return with_arrays(good, at, y_test=good.arrays["y_test"] + 1)


@bad("must lie in [0, 2]")
def negative_labels(good, at):
    return with_arrays(good, at, y_test=good.arrays["y_test"] - 1)


@bad("whole numbers")
def fractions_as_labels(good, at):
    return with_arrays(good, at, y_test=good.arrays["y_test"] + 0.5)


@bad("one-hot")
def one_hot_of_wrong_width(good, at):
    return with_arrays(good, at, y_test=np.eye(5)[good.arrays["y_test"]])


@bad("single 1")
def two_ones(good, at):
    return with_arrays(good, at, y_test=np.ones((96, 3), np.float32))


@bad("no image was found")
def folder_without_images(good, at):
    (at / "pictures" / "cats").mkdir(parents=True)
    return evaluate(good.pictures, at / "pictures")


@bad("must be an image")
def unreadable_image(good, at):
    for name in ("cats", "dogs"):
        (at / "pictures" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(at / "pictures" / name / "1.png")
    (at / "pictures" / "dogs" / "2.png").write_bytes(b"no picture")
    return evaluate(good.pictures, at / "pictures")


@bad("folder of images needs a model")
def images_for_a_model_of_numbers(good, at):
    (at / "pictures" / "cats").mkdir(parents=True)
    Image.new("L", (8, 8)).save(at / "pictures" / "cats" / "1.png")
    return evaluate(good.model, at / "pictures")


# Code of the user.


@bad("Python file that exists")
def no_custom_objects(good, at):
    return evaluate(good.model, good.data, "--custom-objects", at / "nothing.py")


@bad("SyntaxError")
def custom_objects_with_a_slip(good, at):
    path = with_code(at, "def f(:\n")
    return evaluate(good.model, good.data, "--custom-objects", path)


@bad("Python file that exists")
def no_metric_file(good, at):
    return evaluate(good.model, good.data, "--metric", f"{at / 'nothing.py'}:f")


@bad("FILE.py:function")
def metric_by_name(good, at):
    return evaluate(good.model, good.data, "--metric", "f1")


@bad("must define g")
def no_such_metric(good, at):
    path = with_code(at, "def f(y_true, y_pred):\n    return y_true\n")
    return evaluate(good.model, good.data, "--metric", f"{path}:g")


@bad("one number for each sample")
def metric_of_wrong_shape(good, at):
    path = with_code(at, "def f(y_true, y_pred):\n    return 0.5\n")
    return evaluate(good.model, good.data, "--metric", f"{path}:f")


@bad("fails: KeyError")
def metric_that_raises(good, at):
    path = with_code(at, "def f(y_true, y_pred):\n    return {}['key']\n")
    return evaluate(good.model, good.data, "--metric", f"{path}:f")


@bad("finite numbers")
def metric_of_nan(good, at):
    text = "def f(y_true, y_pred):\n    return y_true * float('nan')\n"
    return evaluate(good.model, good.data, "--metric", f"{with_code(at, text)}:f")


@bad("loss")
def unknown_loss(good, at):
    return evaluate(good.model, good.data, "--loss", "nothing")


# Recipes and settings.


@bad("[0, 0.999]")
def too_sparse(good, at):
    return compress(good, at, "--sparsity", "2")


@bad("[0, 0.999]")
def sparsity_of_nan(good, at):
    return compress(good, at, "--sparsity", "nan")


@bad("must be a number")
def sparsity_in_words(good, at):
    return compress(good, at, "--sparsity", "half")


@bad("[2, 16]")
def one_bit(good, at):
    return compress(good, at, "--bits", "1")


@bad("whole number")
def half_a_bit(good, at):
    return compress(good, at, "--bits", "4.5")


@bad("minmax, mse")
def unknown_range(good, at):
    return compress(good, at, "--bits", "4", "--range", "best")


@bad("two faces")
def sparsity_and_threshold(good, at):
    return compress(good, at, "--sparsity", "0.5", "--threshold", "0.1")


@bad("seed")
def negative_seed(good, at):
    return compress(good, at, "--bits", "4", "--seed", "-1")


@bad("keras")
def unknown_format(good, at):
    return compress(good, at, "--bits", "8", "--formats", "keras,onyx")


@bad("--recipe FILE")
def nothing_to_do(good, at):
    return compress(good, at)


@bad("exclude each other")
def recipe_and_settings(good, at):
    return [*with_recipe(good, at, "version: 1\n"), "--bits", "8"]


@bad("training data")
def activations_without_training_data(good, at):
    return compress(good, at, "--activation-bits", "8", data=good.only_test)


@bad("training data")
def retraining_without_training_data(good, at):
    return compress(good, at, "--bits", "8", "--retrain", "1", data=good.only_test)


@bad("--retrain")
def learning_rate_alone(good, at):
    return compress(good, at, "--bits", "8", "--learning-rate", "0.01")


@bad("[1, 1000]")
def no_epochs(good, at):
    return compress(good, at, "--bits", "8", "--retrain", "0")


@bad("must be readable")
def no_such_recipe(good, at):
    return compress(good, at, "--recipe", at / "nothing.yaml")


@bad("newer workbench")
def recipe_of_a_later_version(good, at):
    return with_recipe(good, at, "version: 999\n")


@bad("version number")
def recipe_without_version(good, at):
    return with_recipe(good, at, "plans: []\n")


@bad("JSON or YAML")
def recipe_of_bad_yaml(good, at):
    return with_recipe(good, at, "version: [1\n")


@bad("JSON or YAML")
def recipe_of_bytes(good, at):
    (at / "recipe.yaml").write_bytes(b"\xff\xfe\x00")
    return compress(good, at, "--recipe", at / "recipe.yaml")


@bad("object with named fields")
def recipe_as_a_list(good, at):
    return with_recipe(good, at, "- version: 1\n")


@bad("must be a list")
def plans_as_an_object(good, at):
    return with_recipe(good, at, "version: 1\nplans: {}\n")


@bad("no method")
def unknown_step(good, at):
    return with_recipe(good, at, "version: 1\nplans: [{steps: [{step: magic}]}]\n")


@bad("no setting")
def unknown_knob(good, at):
    steps = "{step: uniform, width: 8}"
    return with_recipe(good, at, f"version: 1\nplans: [{{steps: [{steps}]}}]\n")


@bad("must lie in")
def knob_out_of_range(good, at):
    steps = "{step: uniform, bits: 99}"
    return with_recipe(good, at, f"version: 1\nplans: [{{steps: [{steps}]}}]\n")


@bad("no field")
def unknown_field(good, at):
    return with_recipe(good, at, "version: 1\nplan: []\n")


@bad("matches none")
def target_that_nothing_matches(good, at):
    plan = "{target: hiden/kernel, steps: [{step: uniform}]}"
    return with_recipe(good, at, f"version: 1\nplans: [{plan}]\n")


@bad("must come before")
def pruning_after_quantization(good, at):
    steps = "{step: uniform}, {step: magnitude, sparsity: 0.5}"
    return with_recipe(good, at, f"version: 1\nplans: [{{steps: [{steps}]}}]\n")


@bad("continues an earlier")
def recipe_that_goes_on(good, at):
    return with_recipe(good, at, "version: 1\nretraining: {start: latest}\n")


# Where to write.


@bad("--out DIR")
def no_out(good, at):
    return ["compress", good.model, "--data", good.data, "--bits", "8"]


@bad("--force")
def out_that_exists(good, at):
    (at / "out").mkdir()
    (at / "out" / "letter.txt").write_text("dear")
    return compress(good, at, "--bits", "8")


@bad("written by the workbench")
def foreign_out_by_force(good, at):
    (at / "out").mkdir()
    (at / "out" / "letter.txt").write_text("dear")
    return compress(good, at, "--bits", "8", "--force")


@bad("must be writable")
def out_below_a_file(good, at):
    (at / "file").write_text("no folder")
    return compress(good, at / "file", "--bits", "8")


@bad("must not exist")
def out_that_is_a_file(good, at):
    (at / "out").write_text("dear")
    return compress(good, at, "--bits", "8")


# The command line itself.


@bad("must be one of")
def unknown_command(good, at):
    return ["squeeze", good.model]


@bad("MODEL")
def no_model(good, at):
    return ["doctor"]


@bad("--bogus")
def unknown_option(good, at):
    return evaluate(good.model, good.data, "--bogus")


@bad("'again'")
def a_word_too_many(good, at):
    return evaluate(good.model, good.data, "again")


@bad("--data")
def option_without_value(good, at):
    return ["evaluate", good.model, "--data"]


@bad("--json")
def switch_with_value(good, at):
    return evaluate(good.model, good.data, "--json=yes")


@bad("limit")
def limit_of_none(good, at):
    return evaluate(good.model, good.data, "--limit", "0")


@bad("limit")
def limit_in_words(good, at):
    return evaluate(good.model, good.data, "--limit", "few")


@bad("en, zh")
def unknown_language(good, at):
    return ["doctor", good.model, "--lang", "tlh"]


@bad("[1, 65535]")
def port_out_of_range(good, at):
    return ["dashboard", "--port", "70000"]


@bad("[1, 65535]")
def port_in_words(good, at):
    return ["lab", "--port", "http"]


@bad("must exist")
def dashboard_without_its_model(good, at):
    return ["dashboard", at / "nothing.keras"]


@bad("with a model")
def dashboard_of_data_alone(good, at):
    return ["dashboard", "--data", good.data]


@bad("no benchmark")
def unknown_benchmark(good, at):
    return ["bench", "quick"]


@bad("fashion-mnist")
def unknown_data_set(good, at):
    return ["data", "imagenet"]


@bad("which is not there")
def folder_without_idx_files(good, at):
    return ["data", "fashion-mnist", "--folder", at, "--out", at / "full.npz"]
