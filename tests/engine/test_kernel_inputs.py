"""The rows that meet a kernel give the layer's own outputs, all or some of them."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench.engine.kernel_inputs import Rows, drawn, watched

L = keras.layers
PICTURES = np.random.default_rng(0).normal(size=(3, 7, 10, 2)).astype(np.float32)


def told(layer: Any, x: Any) -> tuple[Rows, tf.Tensor]:
    found: list[Rows] = []
    call = watched(layer, lambda _, rows: found.append(rows))
    assert call is not None
    made = call(tf.convert_to_tensor(x))
    return found[0], made


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("size", "strides", "dilation"),
    [(1, 1, 1), (1, 3, 1), (3, 2, 1), ((2, 4), (3, 1), 1), ((4, 3), 1, (1, 2))],
)
def test_patches_give_what_the_convolution_does(
    size: Any, strides: Any, dilation: Any, padding: str
) -> None:
    layer = L.Conv2D(5, size, strides, padding, dilation_rate=dilation, use_bias=False)
    layer.build(PICTURES.shape)
    rows, made = told(layer, PICTURES)
    assert int(rows.count) == math.prod(np.shape(made)[:3])
    everything = rows.at(tf.range(rows.count))
    kernel = np.reshape(layer.kernel, (-1, 5))
    outputs = np.reshape(made, (-1, 5))
    np.testing.assert_allclose(everything[:, 0] @ kernel, outputs, atol=1e-5)
    np.testing.assert_array_equal(rows.at(tf.range(1, rows.count, 4)), everything[1::4])


def test_rows_are_drawn_evenly_from_all_calls() -> None:
    calls = [Rows.of(tf.reshape(tf.range(n), (n, 1, 1))) for n in (10, 5)]
    assert np.ravel(drawn(calls, tf.constant(100))).tolist() == [*range(10), *range(5)]
    assert np.ravel(drawn(calls, tf.constant(5))).tolist() == [0, 3, 6, 9, 0, 3]
