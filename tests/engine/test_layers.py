"""The walk over a model, and the copy."""

from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.forms import Block
from tests.chain.models import CASES, accuracy, case, inputs, predict
from workbench.core.errors import UserError
from workbench.engine import layers

L = keras.layers


@pytest.mark.parametrize("name", CASES)
def test_a_copy_has_the_same_addresses_and_predicts_the_same(name: str) -> None:
    one = case(name)
    copy = layers.clone(one.model)
    original, copied = layers.variables(one.model), layers.variables(copy)
    assert list(copied) == list(original)
    for path, variable in original.items():
        assert copied[path] is not variable
        same = layers.values_of(copied[path]) == layers.values_of(variable)
        assert same.all(), path
    x = inputs(one.model, one.data, "test")
    expected = predict(one.model, x)
    np.testing.assert_array_equal(predict(copy, x), expected)


@pytest.mark.parametrize("name", CASES)
def test_every_weight_has_one_address(name: str) -> None:
    model = case(name).model
    found = layers.variables(model)
    assert {id(v) for v in found.values()} == {id(v) for v in model.weights}
    assert len(found) == len({id(v) for v in model.weights})


def test_changing_a_copy_leaves_the_model_alone() -> None:
    one = case("dense")
    before = layers.values_of(one.model.weights[0])
    layers.clone(one.model).weights[0].assign(np.zeros(before.shape))
    assert (layers.values_of(one.model.weights[0]) == before).all()
    assert accuracy(one.model, one.data) > 0.5


def test_addresses_of_nested_wrapped_and_recurrent_layers() -> None:
    assert list(layers.variables(case("nested").model))[:2] == [
        "outer/inner/conv/kernel",
        "outer/inner/conv/bias",
    ]
    assert list(layers.variables(case("bidirectional").model))[:3] == [
        "both_ways/forward_lstm/kernel",
        "both_ways/forward_lstm/recurrent_kernel",
        "both_ways/forward_lstm/bias",
    ]
    assert "attention/query/kernel" in layers.variables(case("attention").model)


def test_what_is_shared_counts_once_at_its_first_place() -> None:
    paths = list(layers.variables(case("shared").model))
    assert paths.count("twice/kernel") == paths.count("tower/floor/kernel") == 1


def test_names_that_keras_numbers_do_not_depend_on_what_was_made_before() -> None:
    def addresses() -> list[str]:
        x = keras.Input((4,))
        model = keras.Model(x, Block(3, name="block")(x))
        return list(layers.variables(model))

    first = addresses()
    assert first == addresses()
    assert first[0] == "block/dense/kernel"
    assert first[2] == "block/dense_1/kernel"


def test_equal_addresses_are_numbered() -> None:
    class Twins(keras.layers.Layer):
        def build(self, input_shape: tuple[int, ...]) -> None:
            self.a = self.add_weight(shape=(2, 2), name="kernel")
            self.b = self.add_weight(shape=(2, 2), name="kernel")

        def call(self, x: object) -> object:
            return x

    x = keras.Input((2,))
    model = keras.Model(x, Twins(name="twins")(x))
    assert list(layers.variables(model)) == ["twins/kernel", "twins/kernel_1"]


def test_the_weights_of_stacked_cells_go_by_their_rnn() -> None:
    x = keras.Input((3, 2))
    cells = [L.LSTMCell(2, name="low"), L.GRUCell(2, name="high")]
    model = keras.Model(x, L.RNN(cells, name="rnn")(x))
    paths = list(layers.variables(model))
    assert paths[0] == "rnn/low/kernel"
    assert "rnn/high/recurrent_kernel" in paths


def test_a_layer_shared_between_models_which_keras_cannot_reopen_is_refused() -> None:
    dense = L.Dense(3, name="both")
    x = keras.Input((3,))
    inner = keras.Model(x, dense(x), name="inner")
    x = keras.Input((3,))
    model = keras.Model(x, dense(inner(x)))
    with pytest.raises(UserError) as error:
        layers.clone(model)
    assert error.value.key == "open.clone"


def test_a_live_lambda_is_copied() -> None:
    x = keras.Input((3,))
    model = keras.Model(x, L.Dense(2)(L.Lambda(lambda a: a * 2)(x)))
    values = np.ones((1, 3), np.float32)
    copy = layers.clone(model)
    np.testing.assert_array_equal(predict(copy, values), predict(model, values))


def test_a_class_of_the_user_is_copied_without_being_registered() -> None:
    class Doubled(keras.layers.Dense):
        def call(self, inputs: Any, training: Any = None) -> Any:
            return keras.ops.relu(super().call(inputs, training=training))

    x = keras.Input((3,))
    copy = layers.clone(keras.Model(x, Doubled(2, name="own")(x)))
    assert type(copy.get_layer("own")) is Doubled


def test_a_model_that_keras_cannot_save_is_refused() -> None:
    class Stubborn(keras.Model):
        def __init__(self, thing: object) -> None:
            super().__init__()
            self.dense = L.Dense(2)
            self.thing = thing

        def call(self, x: object) -> object:
            return self.dense(x)

    model = Stubborn(object())
    model(np.zeros((1, 2), np.float32))
    with pytest.raises(UserError) as error:
        layers.clone(model)
    assert error.value.key == "open.clone"


def test_inputs_are_packed_as_the_model_is_called() -> None:
    left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    out = L.Concatenate()([left, right])
    model = keras.Model({"left": left, "right": right}, out)
    a, b = np.zeros((1, 2)), np.zeros((1, 3))
    packed = layers.pack(model, [a, b])
    assert packed["left"] is a
    assert packed["right"] is b


def test_reasons_are_one_short_line() -> None:
    assert layers.first_line(ValueError("")) == "ValueError"
    assert layers.first_line(ValueError("\x1b[1mfirst.\x1b[0m\nsecond")) == "first"
    node = ValueError("{{function_node __wrapped__Conv2D}} It is refused. [Op:Conv2D]")
    assert layers.first_line(node) == "It is refused. [Op:Conv2D]"
    long = layers.first_line(ValueError("x" * 999))
    assert len(long) < 210


@pytest.mark.parametrize("name", ["dense", "residual", "bidirectional"])
def test_a_copy_shares_its_weights_until_they_change(name: str) -> None:
    model = case(name).model
    copy = layers.clone(model)
    pairs = zip(
        layers.variables(model).values(), layers.variables(copy).values(), strict=True
    )
    for ours, theirs in pairs:
        assert np.shares_memory(layers.values_of(ours), layers.values_of(theirs))
        before = layers.values_of(ours).copy()
        theirs.assign_add(keras.ops.ones(theirs.shape))
        np.testing.assert_array_equal(layers.values_of(ours), before)


def test_values_are_those_of_before_when_the_variable_goes_on() -> None:
    variable = keras.Variable(np.arange(3, dtype=np.float32))
    values = layers.values_of(variable)
    variable.assign_add(np.ones(3, np.float32))
    assert values.tolist() == [0, 1, 2]
    assert not values.flags.writeable


def test_an_adapted_layer_is_copied_with_what_it_learned() -> None:
    layer = L.Normalization(name="scaled")
    layer.adapt(np.array([[1.0], [3.0]], np.float32))
    model = keras.Sequential([keras.Input((1,)), layer, L.Dense(1)])
    x = np.array([[5.0]], np.float32)
    np.testing.assert_array_equal(predict(layers.clone(model), x), predict(model, x))
