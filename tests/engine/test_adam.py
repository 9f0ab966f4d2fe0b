import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench.engine.adam import Adam, corrected


def slopes(step: int) -> np.ndarray:
    return np.random.default_rng(step).normal(size=(3, 2)).astype(np.float32)


@pytest.mark.peer
def test_it_takes_the_steps_of_keras():
    start = slopes(99)
    rates = np.linspace(0.01, 0.1, 20, dtype=np.float32)
    ours = tf.Variable(tf.constant(start))
    theirs = keras.Variable(start)
    adam = Adam([ours])
    peer = keras.optimizers.Adam()
    for step, (rate, plain) in enumerate(zip(corrected(rates), rates, strict=True)):
        adam.apply([tf.constant(slopes(step))], tf.constant(rate))
        peer.learning_rate = plain
        peer.apply([tf.constant(slopes(step))], [theirs])
    np.testing.assert_allclose(ours.numpy(), np.array(theirs), rtol=1e-3, atol=1e-5)


def test_where_the_gradient_is_masked_nothing_moves():
    mask = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    variable = tf.Variable(tf.constant(mask))
    adam = Adam([variable])
    for step in range(5):
        adam.apply([tf.constant(slopes(step) * mask)], tf.constant(0.1))
    for values in (variable.numpy(), *adam.moments(0)):
        assert not values[mask == 0].any()
        assert values[mask == 1].all()


def test_what_the_loss_does_not_depend_on_stays():
    variable = tf.Variable(tf.constant([1.0]))
    Adam([variable]).apply([None], tf.constant(0.1))
    assert variable.numpy() == 1


@pytest.mark.parametrize("number", [tf.float16, tf.bfloat16])
def test_few_bits_take_the_steps_of_float32(number: tf.DType) -> None:
    wide = tf.Variable(tf.constant(slopes(99)))
    narrow = tf.Variable(tf.cast(wide, number))
    one, two = Adam([wide]), Adam([narrow])
    for step in range(20):
        slope, rate = tf.constant(1e-4 * slopes(step)), tf.constant(0.001)
        one.apply([slope], rate)
        two.apply([tf.cast(slope, number)], rate)
    np.testing.assert_allclose(tf.cast(narrow, tf.float32), wide.numpy(), atol=0.02)
