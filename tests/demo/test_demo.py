"""What ships: sizes, arrays, names, and the accuracy that the record claims."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench import demo
from workbench.core.errors import UserError

FOLDER = Path(demo.__file__).parent
RECORD = json.loads((FOLDER / "models.json").read_text("utf-8"))


def test_files_stay_under_their_limits() -> None:
    data = sum(path.stat().st_size for path in FOLDER.glob("*.npz"))
    models = sum(path.stat().st_size for path in FOLDER.glob("*.keras"))
    assert 0 < data <= 15_000_000
    assert 0 < models <= 6_000_000


def test_every_demo_has_a_record_and_files() -> None:
    assert set(demo.names()) == set(RECORD)
    for name in demo.names():
        model, data = demo.paths(name)
        assert model.stat().st_size == RECORD[name]["bytes"]
        assert data.is_file()


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("cnn", (28, 28, 1), 10), ("lenet", (28, 28, 1), 10), ("lstm", (16,), 6)],
)
def test_data_are_bytes_without_pickles(
    name: str, shape: tuple[int, ...], classes: int
) -> None:
    with np.load(demo.paths(name)[1], allow_pickle=False) as stored:
        arrays = dict(stored)
    for part in ("train", "test"):
        inputs, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        assert inputs.dtype == labels.dtype == np.uint8
        assert inputs.shape == (len(labels), *shape)
        assert np.unique(labels).tolist() == list(range(classes))
    assert len(arrays["y_test"]) == 10_000
    assert tuple(arrays["class_names"]) == demo.class_names(name)


def test_training_images_are_equally_many_a_class() -> None:
    with np.load(demo.paths("cnn")[1]) as stored:
        counts = np.bincount(stored["y_train"])
    assert counts.tolist() == [1_800] * 10


def test_class_names_speak_chinese() -> None:
    english, chinese = demo.class_names("lenet"), demo.class_names("lenet", "zh")
    assert len(chinese) == len(english) == 10
    assert not set(chinese) & set(english)


@pytest.mark.parametrize("ask", [demo.paths, demo.class_names])
def test_unknown_name_is_refused(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(UserError, match=r"one of cnn, lenet, lstm\. Received: vgg"):
        ask("vgg")


def test_asking_for_paths_imports_no_tensorflow() -> None:
    code = (
        "import sys; from workbench import demo; demo.paths('cnn');"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "least"), [("cnn", 0.915), ("lenet", 0.895), ("lstm", 0.89)]
)
def test_model_repeats_the_recorded_accuracy(name: str, least: float) -> None:
    import keras

    model_path, data_path = demo.paths(name)
    model: Any = keras.saving.load_model(model_path)
    with np.load(data_path) as stored:
        inputs, labels = stored["x_test"], stored["y_test"]
    scores = model.predict(inputs, batch_size=500, verbose=0)
    accuracy = float((scores.argmax(axis=1) == labels).mean())
    # Another processor sums in another order: three answers of 10,000 may tip over.
    assert accuracy == pytest.approx(RECORD[name]["accuracy"], abs=3e-4)
    assert accuracy >= least
    assert model.count_params() == RECORD[name]["parameters"]


@pytest.mark.parametrize("name", demo.names())
def test_model_carries_a_loss_and_no_optimizer_state(name: str) -> None:
    import keras

    model: Any = keras.saving.load_model(demo.paths(name)[0])
    assert model.loss == "sparse_categorical_crossentropy"
    state = {variable.path.rpartition("/")[2] for variable in model.optimizer.variables}
    assert state == {"iteration", "learning_rate"}
