"""Which kernels a saved configuration tells of, by the names of every Keras."""

import numpy as np

from tests.core.keras_2 import entry, write_keras_2
from workbench.core.model_config import kernels
from workbench.core.model_file import glance


def test_the_names_of_keras_2(tmp_path):
    rng = np.random.default_rng(0)

    def array(*shape):
        return rng.normal(size=shape).astype(np.float32)

    dense, kernel, depthwise, timed = (
        array(4, 3),
        array(3, 8),
        array(3, 3, 4, 1),
        array(5, 2),
    )
    forward, backward = array(5, 16), array(5, 16)
    inner = entry("Sequential", "inner", layers=[
        entry("Dense", "dense_7"), entry("LSTM", "lstm_2"),
    ])  # fmt: skip
    config = entry("Functional", "old", layers=[
        entry("DepthwiseConv2D", "dw"),
        inner,
        entry("TimeDistributed", "td", layer=entry("Dense", "dense_9")),
        entry("Bidirectional", "both", layer=entry("LSTM", "lstm_3")),
    ])  # fmt: skip
    path = tmp_path / "old.h5"
    write_keras_2(path, config, {
        "dw": {"dw/depthwise_kernel:0": depthwise, "dw/bias:0": array(4)},
        "inner": {
            "dense_7/kernel:0": dense,
            "lstm_2/lstm_cell_5/kernel:0": kernel,
            "lstm_2/lstm_cell_5/recurrent_kernel:0": array(2, 8),
        },
        "td": {"td/kernel:0": timed},
        "both": {
            "both/forward_lstm_3/lstm_cell_6/kernel:0": forward,
            "both/backward_lstm_3/lstm_cell_7/kernel:0": backward,
        },
    })  # fmt: skip
    found = glance(path).weights
    assert list(found) == [
        "dw/kernel",
        "inner/dense_7/kernel",
        "inner/lstm_2/kernel",
        "inner/lstm_2/recurrent_kernel",
        "td/dense/kernel",
        "both/forward_lstm_3/kernel",
        "both/backward_lstm_3/kernel",
    ]
    for path, values in {
        "dw/kernel": depthwise,
        "inner/dense_7/kernel": dense,
        "inner/lstm_2/kernel": kernel,
        "td/dense/kernel": timed,
        "both/forward_lstm_3/kernel": forward,
        "both/backward_lstm_3/kernel": backward,
    }.items():
        np.testing.assert_array_equal(found[path], values)


def test_what_names_do_not_single_out_is_left_out(tmp_path):
    config = entry("Sequential", "old", layers=[
        entry("Sequential", "inner", layers=[
            entry("Dense", "a"), entry("Dense", "b"),
        ]),
    ])  # fmt: skip
    path = tmp_path / "old.h5"
    one = np.ones((2, 2), np.float32)
    write_keras_2(path, config, {"inner": {"a/kernel:0": one, "c/kernel:0": one}})
    assert list(glance(path).weights) == ["inner/a/kernel"]


def test_the_oldest_configuration_lists_its_layers_bare():
    config = {"class_name": "Sequential", "config": [entry("Dense", "a")]}
    assert [kernel.address for kernel in kernels(config)] == ["a/kernel"]


def test_unknown_layers_and_quantized_ones_are_left_out():
    config = entry("Functional", "m", layers=[
        entry("Mine", "mine", units=3),
        entry("Dense", "int8", dtype={"class_name": "QuantizedDTypePolicy"}),
        {"class_name": "Add", "module": "keras.src.ops.numpy", "config": {"name": "+"}},
        entry("pkg>Dense", "dense"),
    ])  # fmt: skip
    assert [kernel.address for kernel in kernels(config)] == ["dense/kernel"]
