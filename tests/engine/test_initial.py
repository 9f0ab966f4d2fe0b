"""Values that variables take over without a copy."""

import weakref
from typing import Any

import numpy as np
import tensorflow as tf

from workbench.core import aligned
from workbench.engine.initial import Unset, shared
from workbench.engine.layers import values_of


def test_an_aligned_array_is_taken_as_it_is() -> None:
    values = aligned.zeros((3, 4))
    values[...] = 2
    variable = tf.Variable(tf.zeros((3, 4)))
    variable.assign(shared(values))
    assert np.shares_memory(values_of(variable), values)


def test_any_other_array_is_copied() -> None:
    values = np.ones((4, 6), np.float32)
    fixed = aligned.copy(values)
    fixed.flags.writeable = False
    halves: Any = values.astype(tf.bfloat16.as_numpy_dtype)
    for given in (values[:, 1:], fixed, np.zeros((0, 3), np.float32), halves):
        found = values_of(shared(given))
        np.testing.assert_array_equal(found, given)
        assert not np.shares_memory(found, given)


def test_memory_lives_as_long_as_the_variable_needs_it() -> None:
    values = aligned.copy(np.arange(64, dtype=np.float32))
    watched = weakref.ref(values)
    variable = tf.Variable(tf.zeros(64))
    variable.assign(shared(values))
    del values
    assert watched() is not None
    np.testing.assert_array_equal(variable.numpy(), np.arange(64))
    variable.assign(tf.zeros(64))
    assert watched() is None


def test_a_variable_that_is_trained_leaves_the_memory_of_others() -> None:
    first = tf.Variable(shared(aligned.copy(np.ones(64, np.float32))))
    kept = values_of(first)
    first.assign_add(tf.ones(64))
    assert set(kept) == {1}
    assert set(first.numpy()) == {2}


def test_what_is_unset_are_zeros_of_the_type() -> None:
    for dtype in ("float32", "float16", "int32"):
        made = Unset()((2, 3), dtype)
        assert made.dtype == dtype
        assert not made.numpy().any()
