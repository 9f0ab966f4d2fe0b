"""Biases and laid-down grids where an int8 file has them."""

import numpy as np

from tests.export import nets
from workbench.core.codes import Affine
from workbench.core.network import Network
from workbench.engine.int8_contract import on_int8_contract


def contracted() -> Network:
    """A network of 8 bits on the contract."""
    made = nets.network(nets.recipe(activation_bits=8))
    return on_int8_contract(nets.workload(), made)


def test_without_quantized_activations_nothing_moves() -> None:
    made = nets.network(nets.recipe())
    assert on_int8_contract(nets.workload(), made) is made


def test_twice_does_the_same_as_once() -> None:
    once = contracted()
    twice = on_int8_contract(nets.workload(), once)
    assert once.others is not None
    assert twice.others is not None
    for path, values in once.others.items():
        np.testing.assert_array_equal(twice.others[path], values)


def test_biases_lie_on_the_accumulators_grid() -> None:
    made = contracted()
    assert made.others is not None
    entering = made.activations["dense/output"].scale
    code = made.tensors["scores/kernel"].code
    assert isinstance(code, Affine)
    steps = made.others["scores/bias"] / (code.scale.ravel() * entering)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


def test_only_biases_and_betas_move_and_by_little() -> None:
    made = contracted()
    before = nets.workload().others
    assert made.others is not None
    moved = [p for p in before if not np.array_equal(before[p], made.others[p])]
    assert moved
    for path in moved:
        assert path.endswith(("/bias", "/beta"))
        assert np.abs(before[path] - made.others[path]).max() < 0.01


def test_a_softmax_is_on_the_grid_that_the_runtime_lays_down() -> None:
    grid = contracted().activations["scores/output"]
    assert grid.scale == np.float32(1 / 256)
    assert grid.zero_point == 0
