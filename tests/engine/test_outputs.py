"""Places where activations are quantized."""

from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import CASES, case, predict
from workbench.engine.graph import flatten, operations
from workbench.engine.outputs import output_activation, places

L = keras.layers


def paths(model: keras.Model) -> list[str]:
    return [place.site.path for place in places(model)]


def chain(*steps: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 2), name="x"), *steps])


@pytest.mark.parametrize("name", CASES)
def test_every_place_can_be_reached(name: str) -> None:
    model = case(name).model
    known = operations(model)
    found = places(model)
    assert len({place.site.path for place in found}) == len(found)
    for place in found:
        if place.at == "input":
            assert model.inputs[place.index].name == place.site.path.partition("/")[0]
        elif place.at == "activation":
            assert callable(known[place.operation].activation)  # type: ignore[attr-defined]
        else:
            assert place.operation in known


def test_batch_norm_and_relu_are_fused_into_a_convolution() -> None:
    model = chain(
        L.Conv2D(3, 3, name="conv"), L.BatchNormalization(name="n"), L.ReLU(name="r")
    )
    found = places(model)
    assert [place.site.path for place in found] == ["x/input", "r/output"]
    assert found[1].site.kernels == ("conv/kernel",)
    assert found[1].site.is_edge


def test_an_activation_that_is_not_fused_has_a_place_before_it() -> None:
    model = chain(L.Conv2D(3, 3, activation="tanh", name="conv"))
    found = places(model)
    assert [place.site.path for place in found] == [
        "x/input",
        "conv/preactivation",
        "conv/output",
    ]
    assert [place.site.is_edge for place in found] == [True, False, True]


def test_a_separate_activation_makes_two_places_as_well() -> None:
    model = chain(L.Conv2D(3, 3, name="conv"), L.Activation("tanh", name="t"))
    assert paths(model) == ["x/input", "conv/output", "t/output"]


def test_batch_norm_behind_an_activation_stands_alone() -> None:
    model = chain(
        L.Conv2D(3, 3, activation="relu", name="conv"),
        L.BatchNormalization(name="n"),
        L.ReLU(name="r"),
    )
    assert paths(model) == ["x/input", "conv/output", "r/output"]


def test_what_only_moves_values_has_no_place() -> None:
    model = chain(
        L.Conv2D(3, 3, name="conv"),
        L.Dropout(0.5),
        L.MaxPooling2D(),
        L.ZeroPadding2D(),
        L.Flatten(),
        L.Activation("linear"),
    )
    found = places(model)
    assert [place.site.path for place in found] == ["x/input", "conv/output"]
    assert found[1].site.is_edge


def test_a_tensor_that_is_used_twice_ends_the_pattern() -> None:
    x = keras.Input((8, 8, 2), name="x")
    y = L.Conv2D(2, 3, padding="same", name="conv")(x)
    z = L.ReLU(name="r")(y)
    model = keras.Model(x, L.Add(name="add")([y, z]))
    assert paths(model) == ["x/input", "conv/output", "r/output", "add/output"]


def test_a_relu_is_fused_into_an_addition() -> None:
    assert "relu/output" in paths(case("residual").model)
    assert "add/output" not in paths(case("residual").model)


def test_operations_that_are_no_layers_have_places() -> None:
    x = keras.Input((4,), name="x")
    y = L.Dense(4, name="dense")(x) * 2.0
    model = keras.Model(x, keras.ops.reshape(y, (-1, 2, 2)))
    found = places(model)
    assert [place.site.path for place in found][1] == "dense/output"
    assert found[2].operation in operations(model)
    assert found[2].site.is_edge
    assert len(found) == 3


def test_words_that_are_looked_up_are_no_place() -> None:
    found = paths(case("embedding").model)
    assert found[0] == "table/output"


def test_one_place_for_all_calls_of_a_shared_layer() -> None:
    found = paths(case("shared").model)
    assert found.count("tower/floor/output") == found.count("twice/output") == 1


def test_a_recurrent_layer_has_a_single_place() -> None:
    found = places(case("bidirectional").model)
    assert [place.site.path for place in found][1] == "both_ways/output"
    assert len(found[1].site.kernels) == 4


def test_inside_a_composed_layer_each_kernel_has_its_place() -> None:
    found = paths(case("attention").model)
    assert "attention/query/output" in found
    assert "attention/output" in found


def test_a_subclassed_model_has_a_place_for_each_kernel() -> None:
    assert paths(case("subclassed").model) == [
        "block/dense/output",
        "block/dense_1/output",
        "dense/output",
        "head/preactivation",
        "head/output",
    ]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (L.Dense(3, "softmax"), "softmax"),
        (L.Dense(1, "sigmoid"), "sigmoid"),
        (L.Dense(3), "linear"),
        (L.Softmax(), "softmax"),
        (L.Activation("sigmoid"), "sigmoid"),
        (L.ReLU(6.0), "relu6"),
        (L.ReLU(2.0), "other"),
        (L.TimeDistributed(L.Dense(3, "softmax")), "softmax"),
    ],
)
def test_activation_of_the_output(last: keras.layers.Layer, expected: str) -> None:
    x = keras.Input((4, 5))
    assert output_activation(keras.Model(x, L.Dropout(0.1)(last(x)))) == expected


def test_a_graph_runs_in_its_order_and_gives_what_the_model_gives() -> None:
    one = case("residual")
    graph = flatten(one.model)
    assert graph is not None
    x = one.data["x_test"][:5]
    known: dict[int, Any] = {graph.inputs[0]: keras.ops.convert_to_tensor(x)}
    for call in graph.calls:
        given = [known[tensor] for tensor in call.inputs]
        known[call.outputs[0]] = call.operation(given[0] if len(given) == 1 else given)
    np.testing.assert_allclose(
        known[graph.outputs[0]].numpy(), predict(one.model, x), atol=1e-6
    )


def test_a_nested_model_that_is_called_twice_is_dissolved_twice() -> None:
    graph = flatten(case("shared").model)
    assert graph is not None
    assert [call.path for call in graph.calls].count("tower/floor") == 2


class _Positions(L.Layer):
    """A table of words within a layer of the user's."""

    def __init__(self) -> None:
        super().__init__(name="own")
        self.words = L.Embedding(9, 4, name="words")

    def build(self, input_shape: Any) -> None:
        self.words.build(input_shape)

    def call(self, x: Any) -> Any:
        return self.words(x)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize(
    "steps",
    [
        [L.Embedding(9, 4, mask_zero=True)],
        [L.Reshape((5,)), L.Embedding(9, 4)],
        [_Positions()],
    ],
)
def test_numbers_of_words_are_never_rounded(dtype: str, steps: Any) -> None:
    model = keras.Sequential([keras.Input((5,), dtype=dtype, name="x"), *steps])
    assert "x/input" not in paths(model)


def test_bytes_are_never_rounded() -> None:
    x = keras.Input((8, 8, 3), dtype="uint8", name="x")
    model = keras.Model(x, L.Rescaling(1 / 255, name="r")(x))
    assert paths(model) == ["r/output"]
