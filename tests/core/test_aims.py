"""What is to be made before an activation, and that it lowers what is lost behind."""

import numpy as np
import pytest

from workbench.core.aims import RELU, SIGMOID, SOFTMAX, After, Aim, together
from workbench.core.calibration import Bias, Gram
from workbench.core.reconstruction import refitted

RNG = np.random.default_rng(0)
ROWS, INPUTS, OUTPUTS = 800, 12, 5
X = (RNG.normal(size=(ROWS, INPUTS)) @ RNG.normal(size=(INPUTS, INPUTS))).astype("f4")
WEIGHTS = RNG.normal(size=(1, OUTPUTS, INPUTS))
KEPT = RNG.random(WEIGHTS.shape) < 0.4
BIAS = RNG.normal(size=(1, OUTPUTS)).astype("f4")
GIVEN = (X @ WEIGHTS[0].T).astype("f4")[None]
BEHIND = {
    RELU: lambda z: np.maximum(z, 0),
    SIGMOID: lambda z: 1 / (1 + np.exp(-z)),
    SOFTMAX: lambda z: (
        np.exp(z - z.max(-1, keepdims=True))
        / np.exp(z - z.max(-1, keepdims=True)).sum(-1, keepdims=True)
    ),
}


def gram(aim, rows=X, bias="b"):
    x = rows.astype("f8")
    place = None if bias is None else Bias(bias)
    moments, mean = (x.T @ x / len(x)).astype("f4"), x.mean(0).astype("f4")
    return Gram(moments[None], mean[None], len(x), place, aim)


def test_where_the_original_is_active_its_outputs_are_wished():
    given, made = np.array([[[2.0, -1, -1, 3]]]), np.array([[[1.0, 4, -7, -2]]])
    found = After(RELU).wished(given.astype("f4"), made.astype("f4"))
    np.testing.assert_array_equal(found, [[[2, 0, -7, 3]]])


def test_batch_norm_says_where_a_relu_is_active():
    scale, offset = np.array([2.0, -1, 0], "f4"), np.array([-2.0, 3, 1], "f4")
    given = np.array([[[2, 5, 4], [0, 1, 4]]], "f4")
    made = np.array([[[0, 2, 9], [3, 9, 9]]], "f4")
    found = After(RELU, scale, offset).wished(given, made)
    np.testing.assert_array_equal(found, [[[2, 3, 4], [1, 1, 4]]])


@pytest.mark.parametrize("bias", ["b", None])
def test_without_an_activation_it_is_least_squares(bias):
    aim = Aim(X[None], GIVEN, BIAS)
    fitted, shift = refitted(WEIGHTS, KEPT, gram(aim, bias=bias), 1e-7)
    for output in range(OUTPUTS):
        kept = KEPT[0, output]
        design = X[:, kept].astype("f8")
        if bias is not None:
            design = np.hstack([design, np.ones((ROWS, 1))])
        wanted, *_ = np.linalg.lstsq(design, GIVEN[0, :, output], rcond=None)
        np.testing.assert_allclose(
            fitted[0, output, kept], wanted[: kept.sum()], rtol=1e-2, atol=1e-3
        )
        if shift is not None:
            assert abs(shift[output] - wanted[-1]) < 1e-3


@pytest.mark.parametrize("is_mostly_kept", [False, True])
@pytest.mark.parametrize("kind", [RELU, SIGMOID, SOFTMAX])
def test_less_is_lost_behind_an_activation(kind, is_mostly_kept):
    kept = KEPT if not is_mostly_kept else ~KEPT

    def lost(after):
        aim = Aim(X[None], GIVEN, BIAS, after)
        fitted, shift = refitted(WEIGHTS, kept, gram(aim), 1e-4)
        made = X @ fitted[0].T + BIAS + shift
        gap = BEHIND[kind](made) - BEHIND[kind](GIVEN[0] + BIAS)
        return np.square(gap).mean()

    assert lost(After(kind)) < 0.97 * lost(After())


def test_a_part_is_that_of_its_outputs():
    after = After(RELU, np.arange(1, 6, dtype="f4"), np.ones(5, "f4"))
    whole = Aim(X[None], GIVEN, BIAS, after)
    fitted, shift = refitted(WEIGHTS, KEPT, gram(whole), 0.01)
    own = slice(2, 4)
    part, moved = refitted(WEIGHTS[:, own], KEPT[:, own], gram(whole.part(2, 2)), 0.01)
    np.testing.assert_allclose(part, fitted[:, own], atol=1e-6)
    np.testing.assert_allclose(moved, shift[own], atol=1e-5)  # type: ignore[index]


def test_kernels_that_add_up_are_one_layer():
    other = (0.5 * X[:, :7] + RNG.normal(size=(ROWS, 7))).astype("f4")
    more = RNG.normal(size=(1, OUTPUTS, 7))
    rows, weights = [X, other], [WEIGHTS, more]
    kept = [KEPT, RNG.random(more.shape) < 0.5]
    given = [GIVEN, (other @ more[0].T).astype("f4")[None]]
    aims = [Aim(x[None], g, BIAS) for x, g in zip(rows, given, strict=True)]
    made = np.zeros((ROWS, OUTPUTS))
    for aim, x, w, k in zip(
        together(aims, weights, kept, 1e-7), rows, weights, kept, strict=True
    ):
        fitted, shift = refitted(w, k, gram(aim, x), 1e-7)
        made += x @ fitted[0].T + shift
    every, masks = np.hstack([*rows, np.ones((ROWS, 1))]), np.dstack(kept)
    for output in range(OUTPUTS):
        own = np.append(masks[0, output], True)
        aim = np.sum(given, axis=0)[0, :, output]
        wanted, *_ = np.linalg.lstsq(every[:, own], aim, rcond=None)
        np.testing.assert_allclose(made[:, output], every[:, own] @ wanted, atol=0.02)


def test_rows_can_be_forgotten():
    known = gram(Aim(X[None], GIVEN, BIAS))
    forgotten = known.without_rows()
    assert forgotten.aim is None
    assert forgotten.digest == known.digest
    assert known.digest != gram(Aim(X[None], GIVEN + 1, BIAS)).digest
    assert known.digest != gram(None).digest
