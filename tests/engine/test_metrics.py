"""Metrics: accuracy, errors of numbers, and functions of the user's."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import CASES, accuracy, case, predict
from tests.engine.scoring import RNG, L, X, labels, model, refusal, scored
from workbench.core.measurement import MetricInfo
from workbench.engine.metrics import AbsoluteError, Accuracy, UserMetric
from workbench.engine.workload import open_workload


@pytest.mark.parametrize("name", CASES)
def test_accuracy_is_that_of_keras(name: str) -> None:
    one = case(name)
    workload = open_workload(one.model, one.data)
    results = scored(workload)
    assert results.shape == (96,)
    assert results.dtype == np.float32
    assert results.mean() == pytest.approx(accuracy(one.model, one.data))
    assert results.mean() > 0.45


def test_the_sample_is_the_unit_of_a_sequence() -> None:
    metric = Accuracy()
    y = np.array([[0, 1], [1, 1]])
    given = np.eye(2)[[[0, 0], [1, 1]]]
    assert metric.results(y, given).tolist() == [0.5, 1.0]
    assert metric.predicted_classes(given) is None


def test_one_hot_labels_score_as_class_numbers_do() -> None:
    one = case("dense")
    hot = {k: np.eye(3)[v] if k[0] == "y" else v for k, v in one.data.items()}
    plain, other = open_workload(one.model, one.data), open_workload(one.model, hot)
    np.testing.assert_array_equal(scored(plain), scored(other))


def test_a_column_of_class_numbers_is_accepted() -> None:
    one = case("dense")
    column = {k: v[:, None] if k[0] == "y" else v for k, v in one.data.items()}
    workload = open_workload(one.model, column)
    assert workload.data.test is not None
    assert workload.data.test.y.shape == (96,)
    assert workload.data.test.y.dtype == np.int32


@pytest.mark.parametrize(
    ("activation", "from_logits", "threshold"),
    [("sigmoid", None, 0.5), (None, True, 0.0)],
)
def test_yes_or_no(
    activation: str | None, from_logits: bool | None, threshold: float
) -> None:
    one = model(1, activation)
    workload = open_workload(one, (X, labels(2)), from_logits=from_logits)
    expected = (predict(one, X)[:, 0] > threshold) == labels(2)
    np.testing.assert_array_equal(scored(workload), expected)
    assert workload.from_logits is bool(from_logits)


def test_independent_labels_score_by_the_fraction_that_is_right() -> None:
    y = RNG.integers(0, 2, size=(20, 3))
    y[0] = 1
    one = model(3, "sigmoid")
    workload = open_workload(one, (X, y))
    expected = ((predict(one, X) > 0.5) == y).mean(axis=1)
    np.testing.assert_allclose(scored(workload), expected)


def test_a_single_one_in_every_row_of_a_split_may_be_chance() -> None:
    y = RNG.integers(0, 2, size=(20, 3))
    y[0] = 1
    single = np.eye(3, dtype=np.int64)[labels(3)]
    one = model(3, "sigmoid")
    expected = ((predict(one, X) > 0.5) == single).mean(axis=1)
    workload = open_workload(one, (X, y, X, single))
    np.testing.assert_allclose(scored(workload), expected)
    workload = open_workload(one, (X, single, X, y))
    np.testing.assert_allclose(scored(workload, "train"), expected)


@pytest.mark.parametrize(
    ("units", "activation", "loss", "y"),
    [
        (1, None, None, X[:, 0]),
        (1, None, None, 25.0 * labels(7)),
        (1, "relu", "mae", labels(2)[:, None]),
        (2, None, None, X[:, :2]),
        (3, "sigmoid", "binary_crossentropy", np.abs(X[:, :3]) / 9),
    ],
)
def test_numbers_score_by_their_mean_absolute_error(
    units: int, activation: str | None, loss: str | None, y: np.ndarray
) -> None:
    one = model(units, activation)
    if loss:
        one.compile("sgd", loss)
    workload = open_workload(one, (X, y, X, y))
    assert workload.metric is not None
    assert workload.metric.info == MetricInfo(
        "mean_absolute_error", higher_is_better=False, is_accuracy=False
    )
    expected = np.abs(y.reshape(20, units) - predict(one, X)).mean(axis=1)
    np.testing.assert_allclose(scored(workload), expected, rtol=1e-5)
    assert workload.loss is not None
    assert workload.data.train is not None
    assert workload.data.train.y.shape == (20, units)


def test_numbers_of_training_must_have_the_outputs_shape() -> None:
    data = (X, X[:, :2], X, X[:, :1])
    assert refusal(lambda: open_workload(model(1), data)).key == "open.number_shape"


def test_zeros_and_ones_before_a_free_output_may_be_anything() -> None:
    data = (X, labels(2))
    assert refusal(lambda: open_workload(model(1), data)).key == "open.no_metric"
    workload = open_workload(model(1), data, loss="mse")
    assert workload.metric == AbsoluteError()


def test_a_metric_of_the_users_says_its_direction(tmp_path: Path) -> None:
    one = model(1)
    y = X[:, 0]
    code = tmp_path / "own.py"
    code.write_text(
        "import numpy as np\n"
        "def error(y, p):\n    return np.abs(y - p[:, 0])\n"
        "error.higher_is_better = False\n"
    )
    one.compile("sgd", "mse")
    workload = open_workload(one, (X, y), metric=f"{code}:error")
    assert workload.metric is not None
    info = workload.metric.info
    assert (info.name, info.higher_is_better, info.is_accuracy) == (
        "error",
        False,
        False,
    )
    expected = np.abs(y - predict(one, X)[:, 0])
    np.testing.assert_allclose(scored(workload), expected, rtol=1e-5)


def test_a_direction_that_is_given_comes_before_the_functions() -> None:
    def own(y: Any, p: Any) -> Any:
        return np.zeros(len(y))

    assert UserMetric.of(own).info.higher_is_better
    assert not UserMetric.of(own, higher_is_better=False).info.higher_is_better


def _fails(y: Any, p: Any) -> Any:
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("metric", "key"),
    [
        (_fails, "open.metric_fails"),
        (lambda _y, _p: 1.0, "open.metric_shape"),
        (lambda _y, p: p, "open.metric_shape"),
        (lambda y, _p: np.array(["a"] * len(y)), "open.metric_shape"),
        (lambda y, _p: np.full(len(y), np.nan), "open.metric_not_finite"),
        ("no_file", "open.code_address"),
        ("none.py:f", "open.code_file"),
    ],
)
def test_metrics_that_cannot_be_used(metric: Any, key: str) -> None:
    one = case("dense")
    call = lambda: open_workload(one.model, one.data, metric=metric)  # noqa: E731
    assert refusal(call).key == key


def test_a_file_without_the_function_names_those_it_has(tmp_path: Path) -> None:
    code = tmp_path / "own.py"
    code.write_text("def there(y, p):\n    return y\n")
    one = case("dense")
    error = refusal(
        lambda: open_workload(one.model, one.data, metric=f"{code}:missing")
    )
    assert error.key == "open.no_function"
    assert error.values["known"] == "there"


def test_several_outputs_need_a_metric() -> None:
    x = keras.Input((4,))
    two = keras.Model(x, [L.Dense(2)(x), L.Dense(1)(x)])
    assert refusal(lambda: open_workload(two, (X, labels(2)))).key == "open.outputs"
    metric = lambda _y, p: p[1][:, 0]  # noqa: E731
    workload = open_workload(two, (X, labels(2)), metric=metric)
    assert workload.metric is not None
    outputs = predict(two, X)
    assert workload.metric.results(labels(2), outputs).shape == (20,)
