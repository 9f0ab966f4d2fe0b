import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench.engine.batch_norm import fuse

L = keras.layers


def model_of(shape, **options):
    x = keras.Input(shape)
    model = keras.Model(x, L.BatchNormalization(momentum=0.8, **options)(x))
    rng = np.random.default_rng(1)
    for variable in model.variables:
        variable.assign(rng.uniform(0.5, 2, variable.shape))
    return model


def inputs_of(shape):
    values = np.random.default_rng(2).normal(1, 3, (8, *shape))
    return tf.constant(values, tf.float32)


def step(model, x):
    """Outputs, gradients and variables of one call in training."""
    weight = tf.constant(np.random.default_rng(3).normal(size=x.shape), tf.float32)
    watched = [x, *(v.value for v in model.trainable_variables)]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x, training=True)
        loss = tf.reduce_sum(y * weight)
    return [y, *tape.gradient(loss, watched), *(v.value for v in model.variables)]


@pytest.mark.peer
@pytest.mark.parametrize("shape", [(5,), (4, 3), (4, 6, 3)])
@pytest.mark.parametrize(
    "options", [{}, {"scale": False}, {"center": False}, {"axis": 1}, {"renorm": True}]
)
def test_one_operation_does_what_keras_does(shape, options):
    x = inputs_of(shape)
    plain, ours = model_of(shape, **options), model_of(shape, **options)
    fuse(ours)
    for mine, theirs in zip(step(ours, x), step(plain, x), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


def test_without_training_nothing_is_updated():
    x, model = inputs_of((4,)), model_of((4,))
    expected = model(x, training=False)
    before = [np.array(v) for v in model.variables]
    fuse(model)
    np.testing.assert_allclose(model(x, training=False), expected, rtol=1e-6)
    for variable, old in zip(model.variables, before, strict=True):
        assert np.array_equal(variable, old)


def test_a_frozen_layer_keeps_its_statistics():
    x, model = inputs_of((4,)), model_of((4,), trainable=False)
    before = [np.array(v) for v in model.variables]
    fuse(model)
    np.testing.assert_allclose(
        model(x, training=True), model(x, training=False), rtol=1e-6
    )
    for variable, old in zip(model.variables, before, strict=True):
        assert np.array_equal(variable, old)
