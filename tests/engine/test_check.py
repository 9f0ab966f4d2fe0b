"""The check of the baseline: what looks wrong is said, what is right is not."""

from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import CASES, Arrays, case, predict
from workbench.core.measurement import Measurement
from workbench.engine.check import check
from workbench.engine.workload import open_workload
from workbench.text import LANGUAGES

L = keras.layers


def findings(model: keras.Model, data: Any, **wishes: Any) -> dict[str, Any]:
    workload = open_workload(model, data, **wishes)
    test = workload.data.test
    assert test is not None
    assert workload.metric is not None
    x: Any = list(test.x)
    results = workload.metric.results(test.y, predict(model, x if len(x) > 1 else x[0]))
    score = float(results.mean())
    half = 1.96 * float(results.std()) / len(results) ** 0.5
    measured = Measurement(
        score=score,
        low=score - half,
        high=score + half,
        difference=None,
        within=None,
        seen=len(results),
        total=len(results),
        turned_wrong=None,
        turned_right=None,
        results=results,
    )
    found = check(workload, measured)
    for finding in found:
        assert len({finding.text(lang) for lang in LANGUAGES}) == len(LANGUAGES)
    return {finding.key: dict(finding.values) for finding in found}


@pytest.mark.parametrize("name", CASES)
def test_a_sound_model_on_its_data_has_no_findings(name: str) -> None:
    assert findings(case(name).model, case(name).data) == {}


def pictures(patterns: np.ndarray) -> Arrays:
    """Pictures of 0 to 1 that are one of three patterns with noise."""
    rng = np.random.default_rng(1)
    y = rng.integers(3, size=200)
    x = patterns[y] + rng.normal(scale=0.05, size=(200, *patterns.shape[1:]))
    return {"x_test": np.clip(x, 0, 1).astype(np.float32), "y_test": y}


def templates() -> Arrays:
    """Three random patterns."""
    return pictures(np.random.default_rng(1).uniform(size=(3, 6, 6, 1)))


def greys() -> Arrays:
    """Three degrees of brightness."""
    return pictures(np.full((3, 6, 6, 1), 1.0) * [[[[0.2]]], [[[0.5]]], [[[0.8]]]])


def colours() -> Arrays:
    """Red, green and blue."""
    return pictures(np.full((3, 6, 6, 1), 0.8) * np.eye(3)[:, None, None, :])


def stripes() -> Arrays:
    """Lines one way, lines the other way, none."""
    lines = np.tile([0.2, 0.8], (6, 3))
    flat = np.full((6, 6), 0.5)
    return pictures(np.stack([lines, lines.T, flat])[..., None])


def nearest(data: Arrays, from_logits: bool = False) -> keras.Model:
    """A model that answers with the template that lies nearest."""
    x, y = data["x_test"], data["y_test"]
    centres = np.stack([x[y == c].mean(axis=0).ravel() for c in range(3)])
    last = None if from_logits else "softmax"
    model = keras.Sequential(
        [keras.Input(x.shape[1:]), L.Flatten(), L.Dense(3, last, name="head")]
    )
    bias = -(centres**2).sum(axis=1) / 2
    model.get_layer("head").set_weights([4 * centres.T, 4 * bias])
    return model


def test_pixels_of_0_to_255_for_a_model_of_0_to_1() -> None:
    data = greys()
    model = nearest(data)
    assert findings(model, data) == {}
    data["x_test"] = (data["x_test"] * 255).round().astype(np.uint8)
    found = findings(model, data)["check.reading"]
    assert found["reading"] == "x / 255"
    assert found["better"] > 0.95
    assert found["score"] < found["better"]


def test_fractions_for_a_model_of_pixels() -> None:
    data = templates()
    whole = data | {"x_test": data["x_test"] * 255}
    model = nearest(whole)
    weights, bias = model.get_layer("head").get_weights()
    model.get_layer("head").set_weights([weights / 255, bias / 255])
    assert findings(model, whole) == {}
    assert findings(model, data)["check.reading"]["reading"] == "x * 255"


def test_inverted_pictures() -> None:
    data = templates()
    model = nearest(data)
    found = findings(model, data | {"x_test": 1 - data["x_test"]})
    assert found["check.reading"]["reading"] == "1 - x"


def test_colours_in_another_order() -> None:
    data = colours()
    model = nearest(data)
    found = findings(model, data | {"x_test": data["x_test"][..., ::-1]})
    assert found["check.reading"]["reading"] == "x[..., ::-1]"


def test_pictures_on_their_side() -> None:
    data = stripes()
    model = nearest(data)
    found = findings(model, data | {"x_test": data["x_test"].swapaxes(1, 2)})
    assert found["check.reading"]["reading"] == "x.swapaxes(1, 2)"


def test_classes_in_another_order() -> None:
    data = templates()
    model = nearest(data)
    shifted = data | {"y_test": (data["y_test"] + 1) % 3}
    found = findings(model, shifted)["check.order"]
    assert found["pairs"] == "0 -> 2, 1 -> 0, 2 -> 1"
    assert found["matched"] > 0.95


def test_a_score_at_chance_level() -> None:
    data = templates()
    model = nearest(data)
    rng = np.random.default_rng(0)
    lost = data | {"y_test": rng.integers(3, size=200)}
    found = findings(model, lost)
    assert "check.chance" in found
    assert 0.3 < found["check.chance"]["chance"] < 0.45


def test_logits_for_a_loss_of_probabilities() -> None:
    data = templates()
    model = nearest(data, from_logits=True)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert "check.logits" in findings(model, data)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert findings(model, data) == {}


def test_probabilities_for_a_loss_of_logits() -> None:
    data = templates()
    model = nearest(data)
    assert "check.probabilities" in findings(model, data, from_logits=True)


def test_training_data_on_another_scale() -> None:
    data = templates()
    model = nearest(data)
    data |= {"x_train": data["x_test"] * 255, "y_train": data["y_test"]}
    found = findings(model, data)
    assert found["check.splits"]["train"] == 255


def test_without_data_there_is_nothing_to_check() -> None:
    one = case("dense")
    scored = open_workload(one.model, one.data)
    assert scored.data.test is not None
    none = open_workload(one.model, None)
    empty = Measurement(0, 0, 0, None, None, 0, 0, None, None, np.zeros(0, np.float32))
    assert check(none, empty) == ()


def test_a_metric_of_the_user_is_checked_for_logits_alone() -> None:
    data = templates()
    model = nearest(data)
    metric = lambda _y, p: p[:, 0]  # noqa: E731
    bytes_ = data | {"x_test": data["x_test"] * 255}
    assert findings(model, bytes_, metric=metric) == {}
