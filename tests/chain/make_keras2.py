"""Make ``keras2.h5`` with Keras 2: ``pip install tf_keras``, then run this file.

The model is trained on `models.pictures`, written anew here because `models` needs
Keras 3.
"""

from pathlib import Path

import numpy as np
import tf_keras as keras  # pyright: ignore[reportMissingImports]

L = keras.layers


def main() -> None:
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(2)
    templates = rng.normal(size=(3, 8, 8, 1)).astype(np.float32)
    y = rng.integers(3, size=192)
    x = templates[y] + rng.normal(size=(192, 8, 8, 1)).astype(np.float32)
    inner = keras.Sequential(
        [
            L.Conv2D(4, 3, use_bias=False, name="conv", input_shape=(8, 8, 1)),
            L.BatchNormalization(name="norm"),
            L.ReLU(name="relu"),
        ],
        name="inner",
    )
    picture = keras.Input((8, 8, 1), name="picture")
    z = L.DepthwiseConv2D(3, activation="relu", name="depthwise")(inner(picture))
    z = L.Reshape((4, 16), name="rows")(z)
    z = L.Bidirectional(L.GRU(3, name="gru"), name="both_ways")(z)
    z = L.Dense(3, activation="softmax", name="head")(z)
    model = keras.Model(picture, z)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.02
    model.fit(x, y, batch_size=32, epochs=15, verbose=0)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.save(Path(__file__).with_name("keras2.h5"))


if __name__ == "__main__":
    main()
