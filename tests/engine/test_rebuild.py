"""Copies of models with other layers in the places of some."""

from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import CASES, case, inputs
from workbench.core.errors import UserError
from workbench.engine.layers import clone, custom_objects, variables
from workbench.engine.rebuild import rebuild

L = keras.layers
GRAPHS = [name for name in CASES if name != "subclassed"]


def answers(model: Any, name: str) -> Any:
    return np.array(model(inputs(case(name).model, case(name).data, "test")[:8]))


@pytest.mark.parametrize("name", GRAPHS)
def test_without_replacements_it_is_the_same_model(name: str) -> None:
    form = case(name)
    source = clone(form.model)
    copy = rebuild(source, {}, {})
    given = variables(form.model)
    assert list(variables(copy)) == list(given)
    x = inputs(form.model, form.data, "test")
    x = [part[:8] for part in x] if isinstance(x, list) else x[:8]
    np.testing.assert_array_equal(np.array(copy(x)), np.array(form.model(x)))
    for address, variable in variables(copy).items():
        assert variable.trainable == given[address].trainable
        variable.assign(np.array(variable) + 1)
    for address, variable in variables(source).items():
        assert np.array_equal(np.array(variable), np.array(given[address]))


@pytest.mark.parametrize(
    ("name", "address", "width"),
    [
        ("dense", "hidden", 12),
        ("shared", "twice", 12),
        ("shared", "tower/floor", 12),
        ("nested", "hidden", 27),
    ],
)
def test_a_dense_layer_becomes_two(
    name: str, address: str, width: int, tmp_path: Any
) -> None:
    form = case(name)
    kernel = np.array(variables(form.model)[f"{address}/kernel"])
    units = kernel.shape[1]
    own = address.rpartition("/")[2]
    pair = keras.Sequential(
        [
            L.Dense(width, use_bias=False, name="first"),
            L.Dense(units, "relu", name="second"),
        ],
        name=own,
    )
    values = {
        f"{address}/first/kernel": np.eye(width, dtype=np.float32),
        f"{address}/second/kernel": kernel,
        f"{address}/second/bias": np.array(variables(form.model)[f"{address}/bias"]),
    }
    made = rebuild(clone(form.model), {address: pair}, values)
    assert f"{address}/kernel" not in variables(made)
    np.testing.assert_allclose(answers(made, name), answers(form.model, name), 1e-5)
    made.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(answers(again, name), answers(made, name))


def test_fewer_units_are_followed_by_what_comes_after() -> None:
    form = case("residual")
    given = {path: np.array(v) for path, v in variables(form.model).items()}
    fewer = {
        "stem": L.Conv2D(2, 3, padding="same", activation="relu", name="stem"),
        "conv": L.Conv2D(2, 3, padding="same", use_bias=False, name="conv"),
    }
    values = {
        path: given[path][..., :2]
        for path in given
        if path.startswith(("stem", "norm"))
    }
    values["conv/kernel"] = given["conv/kernel"][:, :, :2, :2]
    values["head/kernel"] = given["head/kernel"].reshape(4, 4, 3)[:, :2].reshape(8, 3)
    made = rebuild(clone(form.model), fewer, values)
    assert variables(made)["norm/gamma"].shape == (2,)
    assert answers(made, "residual").shape == (8, 3)
    for path, value in values.items():
        np.testing.assert_array_equal(np.array(variables(made)[path]), value)


def test_what_cannot_be_replaced_is_refused() -> None:
    subclassed = clone(case("subclassed").model)
    with pytest.raises(UserError, match="functional or sequential"):
        rebuild(subclassed, {}, {})
    both_ways = clone(case("bidirectional").model)
    one_way = "both_ways/forward_lstm"
    with pytest.raises(UserError, match=f"{one_way} lies inside"):
        rebuild(both_ways, {one_way: L.LSTM(4)}, {})
    dense = clone(case("dense").model)
    with pytest.raises(UserError, match="hidden/kernel of the new model has no value"):
        rebuild(dense, {"hidden": L.Dense(7, "relu", name="hidden")}, {})
    assert not custom_objects(dense)
