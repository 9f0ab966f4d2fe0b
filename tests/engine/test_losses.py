"""Losses: found, named or the user's, and what labels and outputs mean for them."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import case, predict
from tests.engine.scoring import X, labels, model, refusal
from workbench.engine.workload import open_workload


@pytest.mark.parametrize(
    ("units", "activation", "loss", "expected"),
    [
        (3, "softmax", None, False),
        (3, None, None, True),
        (3, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True), True),
        (3, None, "sparse_categorical_crossentropy", False),
        (1, "sigmoid", "binary_crossentropy", False),
    ],
)
def test_the_loss_or_the_last_activation_says_whether_outputs_are_logits(
    units: int, activation: str | None, loss: Any, expected: bool
) -> None:
    one = model(units, activation)
    if loss is not None:
        one.compile("sgd", loss)
    workload = open_workload(one, (X, labels(2)))
    assert workload.from_logits is expected


def test_a_subclassed_model_shows_by_its_outputs_what_they_are() -> None:
    one = case("subclassed")
    assert open_workload(one.model, one.data).from_logits is False


def test_a_loss_is_inferred_with_the_value_that_keras_gives() -> None:
    one = model(3)
    workload = open_workload(one, (X, labels(3)))
    assert workload.loss is not None
    given = predict(one, X)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected: Any = loss(labels(3), given)
    got = workload.loss(labels(3), given)
    assert float(got) == pytest.approx(float(expected))


@pytest.mark.parametrize("compiled", ["", "sparse_"])
def test_a_compiled_loss_takes_labels_in_either_spelling(compiled: str) -> None:
    one = model(3, "softmax")
    one.compile("sgd", f"{compiled}categorical_crossentropy")
    given = keras.ops.convert_to_tensor(predict(one, X))
    values = []
    for y in (labels(3), np.eye(3, dtype=np.float32)[labels(3)]):
        workload = open_workload(one, (X, y))
        assert workload.loss is not None
        assert workload.data.test is not None
        values.append(keras.ops.mean(workload.loss(workload.data.test.y, given)))
    assert float(values[0]) == pytest.approx(float(values[1]))


def test_a_loss_by_name_or_by_file(tmp_path: Path) -> None:
    code = tmp_path / "own.py"
    code.write_text("def flat(y, p):\n    return p[..., 0]\n")
    one = model(3, "softmax")
    own = open_workload(one, (X, labels(3)), loss=f"{code}:flat")
    assert own.loss is not None
    assert np.asarray(own.loss(0, np.ones((2, 3)))).tolist() == [1, 1]
    named = open_workload(one, (X, labels(3)), loss="mse")
    assert named.loss is not None
    assert np.asarray(named.loss(np.ones((1, 2)), np.zeros((1, 2)))).tolist() == [1]
    error = refusal(lambda: open_workload(one, (X, labels(3)), loss="none_such"))
    assert error.key == "open.loss_name"


@pytest.mark.parametrize("loss", ["binary_crossentropy", "mse", None])
def test_a_loss_sees_labels_of_one_output_as_keras_gives_them(loss: Any) -> None:
    one = model(1, "sigmoid")
    if loss is not None:
        one.compile("sgd", loss)
    workload = open_workload(one, (X, labels(2)))
    assert workload.loss is not None
    assert workload.data.test is not None
    one.compile("sgd", loss or "binary_crossentropy")
    expected: Any = one.evaluate(X, labels(2)[:, None], verbose="0")
    got = np.mean(workload.loss(workload.data.test.y, predict(one, X)))
    assert float(got) == pytest.approx(float(expected), rel=1e-5)


def test_a_loss_of_the_users_does_not_broadcast_labels() -> None:
    def own(y: Any, p: Any) -> Any:
        return keras.ops.square(y - p)

    workload = open_workload(model(1, "sigmoid"), (X, labels(2)), loss=own)
    assert workload.loss is not None
    assert workload.data.test is not None
    assert workload.loss(workload.data.test.y, np.zeros((20, 1), np.float32)).shape == (
        20,
        1,
    )
