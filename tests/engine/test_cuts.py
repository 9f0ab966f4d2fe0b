"""Cuts of a traced graph: where they lie, and that pieces join to the whole."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.chain.models import CASES, case
from workbench.engine.live import LiveModel
from workbench.engine.workload import open_workload

L = keras.layers


def live(name: str) -> tuple[LiveModel, list[tf.Tensor]]:
    workload = open_workload(case(name).model, case(name).data)
    assert workload.data.test is not None
    return LiveModel(workload), [tf.constant(x[:20]) for x in workload.data.test.x]


@pytest.mark.parametrize("name", CASES)
def test_pieces_join_to_the_whole(name: str) -> None:
    model, x = live(name)
    program = model.program
    whole = program.piece(0, program.end)(x)
    for cut in range(1, program.end):
        there = program.piece(0, cut)(x)
        assert all(tensor.shape[0] == 20 for tensor in there)
        joined = program.piece(cut, program.end)(there)
        for one, other in zip(joined, whole, strict=True):
            assert np.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_a_cut_is_behind_what_its_key_names(name: str) -> None:
    model, _ = live(name)
    program = model.program
    state = dict(model.state)
    keys = program.keys(state, "float")
    for address in state:
        keys_now = program.keys(state | {address: "changed"}, "float")
        same = [old == new for old, new in zip(keys, keys_now, strict=True)]
        assert same == sorted(same, reverse=True)
        last = program.unchanged(state | {address: "changed"}, state)
        if last < program.end - 1 or not all(same):
            assert same.index(False) > last if False in same else True
        assert same[last]


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("dense", 2),
        ("nested", 3),
        ("shared", 3),
        ("bidirectional", 4),
        ("subclassed", 4),
        ("sequence", 3),
        ("attention", 5),
        ("embedding", 3),
    ],
)
def test_every_form_is_cut(name: str, cuts: int) -> None:
    model, _ = live(name)
    assert len(model.program.cuts) == cuts


def test_within_a_residual_block_two_tensors_are_alive() -> None:
    given = keras.Input((4,))
    first = L.Dense(4, "relu", name="first")(given)
    second = L.Dense(4, "relu", name="second")(first)
    third = L.Dense(4, "relu", name="third")(second)
    out = L.Dense(2, "softmax", name="out")(L.Add()([first, third]))
    x, y = np.zeros((10, 4), np.float32), np.arange(10) % 2
    model = LiveModel(open_workload(keras.Model(given, out), (x, y)))
    assert [len(cut.tensors) for cut in model.program.cuts] == [1, 1, 2, 1]
    assert [cut.bytes_per_sample for cut in model.program.cuts] == [0, 16, 32, 16]


class Mixing(L.Layer):
    """Takes off the mean of the batch: a sample depends on its neighbours."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x - tf.reduce_mean(x, axis=0, keepdims=True)


class Counting(L.Layer):
    """Writes a variable whenever it is called."""

    def build(self, input_shape: object) -> None:
        self.count = self.add_weight(name="count", shape=(), trainable=False)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        self.count.assign_add(1.0)
        return x


@pytest.mark.parametrize("layer", [Mixing, Counting])
def test_what_cannot_be_kept_is_not_cut(layer: type[L.Layer]) -> None:
    model = keras.Sequential(
        [
            keras.Input((4,)),
            L.Dense(3, "relu"),
            layer(),
            L.Dense(3, "relu"),
            L.Dense(2, "softmax"),
        ]
    )
    x = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    found = LiveModel(open_workload(model, (x, np.arange(10) % 2)))
    assert len(found.program.cuts) == 1


def test_inputs_behind_a_cut_cost_no_memory() -> None:
    given = keras.Input((4,))
    hidden = L.Dense(3, "relu")(L.Dense(5, "relu")(given))
    out = L.Dense(2, "softmax")(L.Concatenate()([hidden, given]))
    x, y = np.ones((10, 4), np.float32), np.arange(10) % 2
    program = LiveModel(open_workload(keras.Model(given, out), (x, y))).program
    assert [cut.bytes_per_sample for cut in program.cuts] == [0, 20, 12 + 16]


def test_pieces_are_compiled_once() -> None:
    model, _ = live("nested")
    program = model.program
    assert program.piece(0, program.end) is program.piece(0, program.end)
