"""What comes after a layer, read off models of several forms."""

import keras
import numpy as np
import pytest

from workbench.core.aims import LINEAR, RELU, SIGMOID, SOFTMAX
from workbench.engine.following import following, norm_behind

L = keras.layers


def conv(*behind, **options):
    x = keras.Input((8, 8, 3))
    y = L.Conv2D(4, 3, name="own", **options)(x)
    for layer in behind:
        y = layer(y)
    return keras.Model(x, L.Dense(2, "softmax", name="last")(L.Flatten()(y)))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: conv(activation="relu"), RELU),
        (lambda: conv(L.ReLU()), RELU),
        (lambda: conv(L.BatchNormalization(), L.ReLU()), RELU),
        (lambda: conv(L.BatchNormalization(), L.Activation("relu")), RELU),
        (lambda: conv(L.MaxPooling2D(), L.ReLU()), LINEAR),
        (lambda: conv(L.BatchNormalization()), LINEAR),
        (lambda: conv(activation="sigmoid"), LINEAR),
        (lambda: conv(activation="tanh"), LINEAR),
        (lambda: conv(L.LeakyReLU()), LINEAR),
    ],
)
def test_the_activation_behind_a_layer(make, kind):
    found = following(make())
    assert found["last"].kind == SOFTMAX
    assert (found["own"].kind if "own" in found else LINEAR) == kind


def test_batch_norm_in_between_is_told():
    norm = L.BatchNormalization(name="norm", epsilon=0.5)
    model = conv(norm, L.ReLU(), use_bias=False)
    rng = np.random.default_rng(0)
    norm.set_weights([rng.uniform(0.5, 2, 4) for _ in range(4)])
    after = following(model)["own"]
    assert after.scale is not None
    assert after.offset is not None
    z = rng.normal(size=(6, 1, 1, 4)).astype(np.float32)
    np.testing.assert_allclose(
        z * after.scale + after.offset, np.array(norm(z)), atol=1e-5
    )
    assert norm_behind(model) == {"own": "norm"}


def test_a_layer_that_others_take_too_is_linear():
    x = keras.Input((4,))
    y = L.Dense(4, name="own")(x)
    out = L.Dense(1, "sigmoid", name="last")(L.Add()([L.ReLU()(y), y]))
    found = following(keras.Model(x, out))
    assert {path: after.kind for path, after in found.items()} == {"last": SIGMOID}


def test_a_layer_that_is_called_twice_has_no_norm_of_its_own():
    x = keras.Input((4,))
    own, norm = L.Dense(4, name="own"), L.BatchNormalization()
    out = L.Dense(1, name="last")(norm(own(norm(own(x)))))
    model = keras.Model(x, out)
    assert norm_behind(model) == {}
    assert following(model) == {}
