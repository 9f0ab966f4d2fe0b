"""Arrays in places where TensorFlow takes them as they are."""

import numpy as np
import pytest

from workbench.core import aligned


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (1000, 7)])
def test_an_array_is_aligned_and_of_its_shape(shape: tuple[int, ...]) -> None:
    for made in (aligned.empty(shape), aligned.zeros(shape)):
        assert made.shape == shape
        assert made.dtype == np.float32
        assert aligned.is_aligned(made)


def test_what_begins_elsewhere_is_not_aligned() -> None:
    whole = aligned.zeros((64,))
    assert not aligned.is_aligned(whole[1:])
    assert not aligned.is_aligned(aligned.zeros((4, 4))[:, :2])


def test_a_copy_has_the_values_and_its_own_memory() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)[:, 1:]
    copied = aligned.copy(values)
    np.testing.assert_array_equal(copied, values)
    assert not np.shares_memory(copied, values)


def test_beside_the_mask_are_zeros() -> None:
    values = np.array([[1.0, -2.0], [3.0, -4.0]], np.float32)
    found = aligned.where(values > -3, values)
    assert found.tolist() == [[1.0, -2.0], [3.0, 0.0]]
    assert not np.signbit(found[1, 1])
