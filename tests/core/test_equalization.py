"""Scales of channels in closed form, without a model."""

import numpy as np
import pytest

from workbench.core.equalization import Mark, scaled, scales_of

RNG = np.random.default_rng(0)
ONE = RNG.normal(size=(5, 4)).astype(np.float32) * np.array([1, 10, 0.1, 3], np.float32)
TWO = RNG.normal(size=(4, 3)).astype(np.float32)
CHANNELS = np.arange(4)
MAKES = Mark("one", 1, "makes", CHANNELS)
TAKES = Mark("two", 0, "takes", CHANNELS)


def test_both_sides_meet_in_the_middle():
    scales = scales_of({"one": ONE, "two": TWO}, [MAKES, TAKES])
    one, two = scaled(ONE, [MAKES], scales), scaled(TWO, [TAKES], scales)
    middle = np.sqrt(np.abs(ONE).max(0) * np.abs(TWO).max(1))
    np.testing.assert_allclose(np.abs(one).max(0), middle, rtol=1e-4)
    np.testing.assert_allclose(np.abs(two).max(1), middle, rtol=1e-4)
    np.testing.assert_allclose(one @ two, ONE @ TWO, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mark", [MAKES, TAKES])
def test_one_side_alone_becomes_even(mark):
    values = ONE if mark is MAKES else TWO
    scales = scales_of({mark.path: values}, [mark])
    sizes = np.abs(scaled(values, [mark], scales)).max(1 - mark.axis)
    np.testing.assert_allclose(sizes, np.abs(values).max(), rtol=1e-4)


def test_a_scale_of_one_and_a_dead_channel_stay():
    one = ONE.copy()
    one[:, 0] = 0
    held = np.array([0, 1, -1, 2])
    marks = [Mark("one", 1, "makes", held), Mark("two", 0, "takes", held)]
    scales = scales_of({"one": one, "two": TWO}, marks)
    made = scaled(one, marks[:1], scales)
    np.testing.assert_array_equal(made[:, 2], one[:, 2])
    assert scales[0] == 1


def test_a_variance_follows_with_what_is_added_to_it():
    variance = np.array([0.0, 1.0, 4.0, 0.5], np.float32)
    scales = np.array([1.0, 2.0, 3.0, 1.5])
    mark = Mark("variance", 0, "spreads", CHANNELS)
    made = scaled(variance, [mark], scales, epsilon=0.1)
    np.testing.assert_allclose(made + 0.1, scales**2 * (variance + 0.1), rtol=1e-5)


def test_a_chain_settles():
    rng = np.random.default_rng(1)
    kernels = {
        name: (rng.normal(size=(4, 4)) * np.exp(rng.normal(0, 2, 4))).astype(np.float32)
        for name in "abc"
    }
    marks = [
        Mark("a", 1, "makes", CHANNELS),
        Mark("b", 0, "takes", CHANNELS),
        Mark("b", 1, "makes", CHANNELS + 4),
        Mark("c", 0, "takes", CHANNELS + 4),
    ]
    scales = scales_of(kernels, marks)
    own = {name: [m for m in marks if m.path == name] for name in kernels}
    made = {name: scaled(w, own[name], scales) for name, w in kernels.items()}
    for one, two in (("a", "b"), ("b", "c")):
        np.testing.assert_allclose(
            np.abs(made[one]).max(0), np.abs(made[two]).max(1), rtol=0.01
        )
