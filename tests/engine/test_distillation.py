import numpy as np
import pytest
import tensorflow as tf

from workbench.engine.distillation import are_probabilities, softened, teacher_loss

LOGITS = np.random.default_rng(0).normal(0, 3, (5, 4)).astype(np.float32)


def softmax(z):
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_logits_and_probabilities_soften_alike():
    ours = softened(LOGITS, from_logits=True)
    np.testing.assert_allclose(ours, softmax(LOGITS / 3), rtol=1e-5)
    again = softened(softmax(LOGITS), from_logits=False)
    np.testing.assert_allclose(again, ours, rtol=1e-4)


@pytest.mark.parametrize("from_logits", [True, False])
def test_the_loss_is_least_at_the_originals_answers(from_logits):
    taught = tf.constant(softened(LOGITS, from_logits=True))
    said = tf.constant(LOGITS if from_logits else softmax(LOGITS))
    with tf.GradientTape() as tape:
        tape.watch(said)
        loss = teacher_loss(taught, said, from_logits=from_logits)
    entropy = -(taught.numpy() * np.log(taught.numpy())).sum(axis=-1).mean()
    assert float(loss) == pytest.approx(9 * entropy, rel=1e-4)
    slope = tape.gradient(loss, said)
    assert isinstance(slope, tf.Tensor)
    if from_logits:
        np.testing.assert_allclose(slope, 0, atol=1e-5)
    other = teacher_loss(taught, tf.roll(said, 1, axis=0), from_logits=from_logits)
    assert float(other) > float(loss)


def test_what_counts_as_a_distribution():
    assert are_probabilities(softmax(LOGITS))
    assert not are_probabilities(LOGITS)
    assert not are_probabilities(np.ones((3, 1), np.float32))
