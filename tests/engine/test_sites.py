"""Kernels: which weights are some, their kind, axes and work."""

from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import case
from workbench.engine.macs import macs
from workbench.engine.sites import einsum_axes, sites

L = keras.layers
BOTH: Any = (1, 2)


def listed(model: keras.Model) -> dict[str, tuple[str, tuple[int, ...], int | None]]:
    found = sites(model, macs(model))
    return {site.path: (site.kind, site.channel_axes, site.macs) for site in found}


def one_layer(layer: keras.layers.Layer, *shape: int | None) -> keras.Model:
    x = keras.Input(shape, name="x")
    return keras.Model(x, layer(x))


def test_dense_and_convolutions() -> None:
    assert listed(case("nested").model) == {
        "outer/inner/conv/kernel": ("conv", (3,), 6 * 6 * 3 * 3 * 3),
        "hidden/kernel": ("dense", (1,), 27 * 6),
        "head/kernel": ("dense", (1,), 18),
    }


def test_depthwise_and_separable() -> None:
    found = listed(case("separable").model)
    assert found["separable/depthwise_kernel"] == ("depthwise", (2, 3), 36 * 9)
    assert found["separable/pointwise_kernel"] == ("conv", (3,), 36 * 4)
    assert found["depthwise/kernel"] == ("depthwise", (2, 3), 16 * 9 * 8)


def test_a_transposed_convolution_has_its_outputs_before_the_last_axis() -> None:
    found = listed(case("transposed").model)
    assert found["up/kernel"] == ("conv", (2,), 3 * 3 * 3 * 3 * 3 * 4)


def test_recurrent_layers_spend_each_weight_every_step() -> None:
    found = listed(case("gru").model)
    assert found["gru/kernel"] == ("recurrent", (1,), 6 * 4 * 18)
    assert found["gru/recurrent_kernel"] == ("recurrent", (1,), 6 * 6 * 18)
    assert "gru/bias" not in found


def test_a_shared_layer_counts_as_often_as_it_is_called() -> None:
    found = listed(case("shared").model)
    assert found["twice/kernel"] == ("dense", (1,), 2 * 12 * 12)
    assert found["tower/floor/kernel"] == ("dense", (1,), 2 * 12 * 5)


def test_an_embedding_has_rows_and_no_work() -> None:
    assert listed(case("embedding").model)["table/embeddings"] == ("embedding", (0,), 0)


def test_attention_has_several_output_axes() -> None:
    found = listed(case("attention").model)
    assert found["attention/query/kernel"] == ("einsum", (1, 2), 6 * 4 * 6)
    assert found["attention/attention_output/kernel"] == ("einsum", (2,), 6 * 6 * 4)


def test_subclassed_models_are_walked_too() -> None:
    one = case("subclassed")
    found = sites(one.model, macs(one.model, [one.data["x_test"]]))
    assert [(site.path, site.macs) for site in found] == [
        ("block/dense/kernel", 72),
        ("block/dense_1/kernel", 36),
        ("dense/kernel", 36),
        ("head/kernel", 18),
    ]


@pytest.mark.parametrize(
    ("equation", "axes", "expected"),
    [
        ("abc,cde->abde", 3, (1, 2)),
        ("abcd,cde->abe", 3, (2,)),
        ("...x,xy->...y", 2, (1,)),
        ("ab, bc -> ac", 2, (1,)),
    ],
)
def test_output_axes_of_an_einsum(
    equation: str, axes: int, expected: tuple[int, ...]
) -> None:
    assert einsum_axes(equation, axes) == expected


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (L.LayerNormalization(axis=BOTH), (3, 4)),
        (L.PReLU(), (3, 4)),
        (L.BatchNormalization(), (3,)),
    ],
)
def test_what_normalizes_or_activates_is_no_kernel(
    layer: keras.layers.Layer, shape: tuple[int, ...]
) -> None:
    assert sites(one_layer(layer, *shape)) == ()


def test_statistics_are_no_kernel_but_frozen_kernels_are() -> None:
    class Own(keras.layers.Layer):
        def build(self, input_shape: tuple[int, ...]) -> None:
            self.seen = self.add_weight(shape=(2, 2), name="seen", trainable=False)
            self.fixed = self.add_weight(shape=(2, 2), name="kernel", trainable=False)
            self.free = self.add_weight(shape=(2, 3), name="table")

        def call(self, x: object) -> object:
            return x

    paths = [site.path for site in sites(one_layer(Own(name="own"), 2))]
    assert paths == ["own/table", "own/kernel"]
    frozen = [site.path for site in sites(case("frozen").model)]
    assert frozen[0] == "fixed/kernel"


def test_a_layer_that_keras_quantized_cannot_be_treated() -> None:
    model = one_layer(L.Dense(4, name="dense"), 6)
    model.get_layer("dense").quantize("int8")
    found = {site.path: site.reason for site in sites(model)}
    assert found["dense/kernel"] == "doctor.quantized"


def test_work_is_unknown_where_a_size_is() -> None:
    model = one_layer(L.LSTM(3, name="lstm"), None, 2)
    assert set(macs(model).values()) == {None}
    sample = [np.zeros((5, 7, 2), np.float32)]
    assert macs(model, sample)["lstm/kernel"] == 7 * 2 * 12


def test_a_time_distributed_layer_counts_every_step() -> None:
    model = one_layer(L.TimeDistributed(L.Dense(3, name="dense"), name="steps"), 5, 2)
    assert macs(model) == {"steps/dense/kernel": 5 * 2 * 3}


def test_work_of_an_unknown_layer_is_unknown() -> None:
    class Own(keras.layers.Layer):
        def build(self, input_shape: tuple[int, ...]) -> None:
            self.kernel = self.add_weight(shape=(2, 2), name="kernel")

        def call(self, x: object) -> object:
            return keras.ops.matmul(x, self.kernel)

    assert macs(one_layer(Own(name="own"), 2)) == {"own/kernel": None}
