"""A model as it is, in batches that memory allows."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.chain.models import CASES, case, predict
from workbench.engine import batching
from workbench.engine.forward import Forward, held_rows

L = keras.layers


@pytest.mark.parametrize("name", CASES)
def test_batches_change_nothing(name, monkeypatch):
    form = case(name)
    x = [v for k, v in form.data.items() if k.startswith("x_test")]
    monkeypatch.setattr(batching, "MOST_ROWS", 7)
    forward = Forward(form.model, x)
    assert 1 <= forward.cost.rows <= 7
    assert forward.cost.work > 0
    given = x if len(x) > 1 else x[0]
    np.testing.assert_allclose(forward(x), predict(form.model, given), atol=1e-5)


def test_what_keras_holds_is_the_sum_of_the_layers(monkeypatch):
    model = keras.Sequential([keras.Input((8,)), L.Dense(100), L.Dense(20)])
    monkeypatch.setattr(batching, "HELD_BYTES", 5 * 4 * 120)
    x = [np.zeros((1, 8), np.float32)]
    assert held_rows(model, x) == 5

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [L.Dense(100), L.Dense(20)]

        def call(self, inputs):
            return self.parts[1](self.parts[0](inputs))

    own = Own()
    own(x[0])
    # Products and sums with biases are results of their own there.
    assert held_rows(own, x) in {2, 3}


@pytest.mark.parametrize(
    ("equation", "shapes", "macs"),
    [
        ("rgi,rgj->gij", [(None, 2, 3), (None, 2, 3)], 18),
        ("abc,cd->abd", [(None, 5, 7), (7, 11)], 385),
        ("...c,cd->...d", [(None, 5, 7), (7, 11)], 77),
    ],
)
def test_an_einsum_costs_the_product_of_its_indices(equation, shapes, macs):
    function = tf.function(lambda a, b: tf.einsum(equation, a, b))
    graph = function.get_concrete_function(*map(tf.TensorSpec, shapes)).graph
    [einsum] = [op for op in graph.get_operations() if op.type == "Einsum"]
    values = batching.work([einsum], loop_macs=0) - macs
    assert values % 50 == 0
