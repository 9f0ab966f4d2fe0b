"""Data from everywhere, and data that does not fit."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.chain.models import Arrays, case
from workbench.core.errors import UserError
from workbench.engine import data_sources, image_folder
from workbench.engine.workload import Workload, open_workload

L = keras.layers


def opened(name: str, data: Any, **wishes: Any) -> Workload:
    return open_workload(case(name).model, data, **wishes)


def refusal(call: Callable[[], object]) -> UserError:
    with pytest.raises(UserError) as error:
        call()
    assert error.value.text("zh") != str(error.value)
    assert "\n" not in str(error.value)
    return error.value


def changed(name: str, **arrays: Any) -> Arrays:
    data = dict(case(name).data) | arrays
    return {key: value for key, value in data.items() if value is not None}


def four(data: Arrays) -> tuple[Any, ...]:
    return tuple(data[key] for key in ("x_train", "y_train", "x_test", "y_test"))


def same(workload: Workload, name: str = "dense") -> bool:
    data, test = case(name).data, workload.data.test
    assert test is not None
    return bool(
        (test.x[0] == data["x_test"]).all() and (test.y == data["y_test"]).all()
    )


def test_four_arrays_two_pairs_or_a_mapping() -> None:
    data = case("dense").data
    x_train, y_train, x_test, y_test = four(data)
    for given in (data, four(data), ((x_train, y_train), (x_test, y_test))):
        workload = opened("dense", given)
        assert same(workload)
        assert workload.data.train is not None
        assert len(workload.data.train) == 192


def test_without_training_data_there_is_none() -> None:
    workload = opened("dense", four(case("dense").data)[2:])
    assert same(workload)
    assert workload.data.train is None


def test_npz_with_class_names(tmp_path: Path) -> None:
    file = tmp_path / "points.npz"
    arrays: dict[str, Any] = {"class_names": np.array(["a", "b", "c"])}
    np.savez(file, **case("dense").data, **arrays)
    workload = opened("dense", file)
    assert same(workload)
    assert workload.data.class_names == ("a", "b", "c")
    assert workload.data.name == "points.npz"


def test_several_inputs_go_by_their_names() -> None:
    data = case("two_inputs").data
    workload = opened("two_inputs", data)
    assert workload.data.test is not None
    left, right = workload.data.test.x
    assert (left == data["x_test_left"]).all()
    assert (right == data["x_test_right"]).all()
    given = ({"right": right, "left": left}, data["y_test"])
    again = opened("two_inputs", given).data.test
    assert again is not None
    assert (again.x[1] == right).all()
    listed = opened("two_inputs", ([left, right], data["y_test"])).data.test
    assert listed is not None
    assert (listed.x[0] == left).all()
    three = ([left, right, left], data["y_test"])
    assert refusal(lambda: opened("two_inputs", three)).key == "open.inputs"


def test_float64_becomes_float32_and_bytes_stay() -> None:
    x = case("residual").data["x_test"]
    wide = opened("residual", changed("residual", x_test=x.astype(np.float64)))
    assert wide.data.test is not None
    assert wide.data.test.x[0].dtype == np.float32
    bytes_ = opened("residual", changed("residual", x_test=x.astype(np.uint8)))
    assert bytes_.data.test is not None
    assert bytes_.data.test.x[0].dtype == np.uint8


def test_datasets_batched_or_not() -> None:
    _, _, x, y = four(case("dense").data)
    plain = tf.data.Dataset.from_tensor_slices((x, y))
    for dataset in (plain, plain.batch(7), plain.batch(7, drop_remainder=False)):
        assert same(opened("dense", dataset))
    pair = opened("dense", (plain.batch(50), plain))
    assert same(pair)
    assert pair.data.train is not None


def test_a_dataset_of_two_inputs() -> None:
    data = case("two_inputs").data
    parts: Any = {"left": data["x_test_left"], "right": data["x_test_right"]}
    dataset = tf.data.Dataset.from_tensor_slices((parts, data["y_test"])).batch(10)
    test = opened("two_inputs", dataset).data.test
    assert test is not None
    assert (test.x[1] == data["x_test_right"]).all()


def test_datasets_without_an_end_or_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, x, y = four(case("dense").data)
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    assert refusal(lambda: opened("dense", dataset.repeat())).key == "open.dataset_size"
    monkeypatch.setattr(data_sources, "LARGEST_DATASET_BYTES", 1000)
    assert refusal(lambda: opened("dense", dataset)).key == "open.dataset_size"
    only_x = tf.data.Dataset.from_tensor_slices(x)
    assert refusal(lambda: opened("dense", only_x)).key == "open.dataset_pairs"
    empty = refusal(lambda: opened("dense", dataset.take(0)))
    assert empty.key == "open.empty"


def test_a_dataset_that_fails_is_one_sentence() -> None:
    def samples() -> Iterator[Any]:
        raise RuntimeError("no disk")

    x, y = tf.TensorSpec((12,)), tf.TensorSpec((), tf.int32)
    failing = tf.data.Dataset.from_generator(samples, output_signature=(x, y))
    error = refusal(lambda: opened("dense", failing))
    assert error.key == "open.dataset_fails"
    assert "no disk" in str(error)


def test_what_is_no_model() -> None:
    assert refusal(lambda: open_workload(cast(Any, 42), None)).key == "open.model_kind"


def test_equal_data_has_an_equal_digest() -> None:
    data = case("dense").data
    first, again = opened("dense", data), opened("dense", four(data))
    assert first.data.digest == again.data.digest
    assert first.digest == again.digest
    other = opened("dense", changed("dense", x_test=data["x_test"] + 1))
    assert other.data.digest != first.data.digest
    assert other.digest != first.digest


def test_a_model_without_data() -> None:
    workload = opened("dense", None)
    assert workload.data.test is None
    assert workload.metric is None
    assert set(workload.weights) == {"hidden/kernel", "head/kernel"}
    assert set(workload.others) == {"hidden/bias", "head/bias"}


X = case("dense").data["x_test"]
Y = case("dense").data["y_test"]


@pytest.mark.parametrize(
    ("arrays", "key"),
    [
        ({"x_test": None, "x_tset": X}, "open.keys"),
        ({"y_test": None}, "open.keys"),
        ({"extra": X}, "open.keys"),
        ({"y_test": None, "y_test_head": Y}, "open.several_labels"),
        ({"y_train": None}, "open.keys"),
        ({"x_test": X[:-1]}, "open.lengths"),
        ({"x_test": X[:0], "y_test": Y[:0]}, "open.empty"),
        ({"x_test": np.float32(3)}, "open.one_number"),
        ({"y_test": np.int64(3)}, "open.one_number"),
        ({"x_test": X[:, :5]}, "open.shape"),
        ({"x_test": X[:, :, None]}, "open.shape"),
        ({"x_test": np.where(X > 2, np.nan, X)}, "open.not_finite"),
        ({"x_train": np.full((192, 12), np.inf)}, "open.not_finite"),
        ({"x_test": X.astype(str)}, "open.text"),
        ({"x_test": X.astype(complex)}, "open.not_numeric"),
        ({"x_test": [[1.0], [1.0, 2.0]]}, "open.ragged"),
        ({"y_test": Y + 1}, "open.label_range"),
        ({"y_test": Y - 1}, "open.label_range"),
        ({"y_train": np.full(192, 9)}, "open.label_range"),
        ({"y_test": Y + 0.5}, "open.label_type"),
        ({"y_test": np.array(["a"] * 96)}, "open.text"),
        ({"y_test": np.eye(3)[Y]}, "open.label_forms"),
        ({"y_test": np.eye(5)[Y]}, "open.label_shape"),
        ({"y_test": np.stack([Y, Y], 1)}, "open.label_shape"),
        ({"y_test": np.eye(3)[Y] * 0.5}, "open.one_hot"),
        ({"y_test": np.ones((96, 3))}, "open.one_hot"),
    ],
)
def test_arrays_that_do_not_fit(arrays: dict[str, Any], key: str) -> None:
    assert refusal(lambda: opened("dense", changed("dense", **arrays))).key == key


def test_a_shape_error_says_both_shapes() -> None:
    text = str(refusal(lambda: opened("dense", (X[:, :5], Y))))
    assert "(n, 12)" in text
    assert "(96, 5)" in text
    assert "numbers" in text


def test_words_without_a_row_are_refused() -> None:
    x = case("embedding").data["x_test"]
    error = refusal(lambda: opened("embedding", changed("embedding", x_test=x + 12)))
    assert error.key == "open.index_range"
    assert error.values["high"] == 11


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (42, "open.data_kind"),
        ((X, Y, X), "open.data_tuple"),
        ("missing.npz", "open.missing"),
    ],
)
def test_what_is_no_data(data: Any, key: str) -> None:
    assert refusal(lambda: opened("dense", data)).key == key


def test_files_that_hold_no_data(tmp_path: Path) -> None:
    table = tmp_path / "data.csv"
    table.write_text("1,2")
    assert refusal(lambda: opened("dense", table)).key == "open.data_suffix"
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, x_test=np.array([{}, {}], object), y_test=Y)
    assert refusal(lambda: opened("dense", pickled)).key == "open.pickled"
    cut = tmp_path / "cut.npz"
    np.savez(cut, x_test=X, y_test=Y)
    cut.write_bytes(cut.read_bytes()[:-300])
    assert refusal(lambda: opened("dense", cut)).key == "open.damaged"
    text = tmp_path / "text.npz"
    text.write_text("hello, this is no archive")
    assert refusal(lambda: opened("dense", text)).key == "open.damaged"


def images(folder: Path, classes: str, count: int) -> None:
    rng = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (12, 10, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def test_a_folder_of_images_by_class(tmp_path: Path) -> None:
    images(tmp_path / "train", "cab", 3)
    images(tmp_path / "test", "abc", 2)
    data = opened("residual", tmp_path).data
    assert data.class_names == ("a", "b", "c")
    assert data.train is not None
    assert data.test is not None
    assert data.train.x[0].shape == (9, 8, 8, 1)
    assert data.test.x[0].dtype == np.uint8
    assert data.test.y.tolist() == [0, 0, 1, 1, 2, 2]


def test_a_single_level_of_classes_is_test_data(tmp_path: Path) -> None:
    images(tmp_path, "ab", 1)
    data = opened("residual", tmp_path).data
    assert data.train is None
    assert data.test is not None
    assert len(data.test) == 2


def test_images_keep_their_pixels_where_size_and_channels_fit(tmp_path: Path) -> None:
    images(tmp_path, "a", 1)
    x = keras.Input((12, 10, 3))
    model = keras.Model(x, L.Dense(2, "softmax")(L.Flatten()(x)))
    test = open_workload(model, tmp_path).data.test
    assert test is not None
    expected = np.asarray(Image.open(tmp_path / "a" / "0.png"))
    np.testing.assert_array_equal(test.x[0][0], expected)


def test_folders_that_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(lambda: opened("residual", tmp_path)).key == "open.no_images"
    images(tmp_path, "abcd", 1)
    assert refusal(lambda: opened("residual", tmp_path)).key == "open.label_range"
    assert refusal(lambda: opened("dense", tmp_path)).key == "open.no_pictures"
    (tmp_path / "a" / "1.png").write_text("no picture")
    assert refusal(lambda: opened("residual", tmp_path)).key == "open.image"
    monkeypatch.setattr(image_folder, "LARGEST_FOLDER_BYTES", 100)
    assert refusal(lambda: opened("residual", tmp_path)).key == "open.folder_size"
