"""What is opened: the model as it was, its variables, its file."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import CASES, case, inputs, predict
from tests.engine.scoring import L, X, labels, refusal
from workbench.engine.workload import open_workload


def test_a_model_that_fails_on_its_data_is_refused() -> None:
    class Picky(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            if x.shape[0] is not None:
                raise ValueError("not this")
            return x

    x = keras.Input((4,))
    picky = keras.Model(x, Picky()(L.Dense(2)(x)))
    error = refusal(lambda: open_workload(picky, (X, labels(2))))
    assert error.key == "open.model_fails"
    assert "not this" in str(error)


@pytest.mark.parametrize("name", CASES)
def test_opening_leaves_the_model_as_it_was(name: str) -> None:
    one = case(name)
    config = one.model.to_json() if name != "subclassed" else ""
    before = [np.array(w) for w in one.model.get_weights()]
    expected = predict(one.model, inputs(one.model, one.data, "test"))
    open_workload(one.model, one.data)
    assert config == (one.model.to_json() if config else "")
    for weight, was in zip(one.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, was)
    after = predict(one.model, inputs(one.model, one.data, "test"))
    np.testing.assert_array_equal(after, expected)


def test_kernels_and_others_make_up_the_model() -> None:
    one = case("residual")
    workload = open_workload(one.model, one.data)
    assert set(workload.weights) == {site.path for site in workload.sites}
    count = sum(v.size for v in workload.weights.values())
    count += sum(v.size for v in workload.others.values())
    assert count == one.model.count_params()
    assert set(workload.digests) == set(workload.weights)


def test_a_file_says_its_size(tmp_path: Path) -> None:
    one = case("dense")
    file = tmp_path / "mine.keras"
    one.model.save(file)
    workload = open_workload(str(file), one.data)
    assert workload.name == "mine"
    assert workload.model_bytes == file.stat().st_size
    assert open_workload(one.model, one.data).model_bytes is None
