"""Train LeNet-300-100 on the whole Fashion-MNIST.

    python -m workbench.demo.make_lenet --data FULLSET --out DIR --seed 0

The net: LeCun, Bottou, Bengio, Haffner 1998, with ReLU as in later work on
compression; 266,610 parameters.
"""

import keras
from keras import layers

from workbench.demo.training import Schedule, load, read_wish, save, train


def build() -> keras.Model:
    """Return the untrained net; it takes pixels from 0 to 255."""
    pixels = keras.Input((28, 28, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="rescaling")(pixels)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(300, "relu", name="dense_1")(x)
    x = layers.Dense(100, "relu", name="dense_2")(x)
    scores = layers.Dense(10, "softmax", name="scores")(x)
    return keras.Model(pixels, scores, name="lenet")


def main() -> None:
    """Train, test, save."""
    wish = read_wish(epochs=20)
    data = load(wish.data)
    model = build()
    schedule = Schedule(wish.epochs, batch=128, rate=1e-3, decay=0.05, smoothing=0.05)
    train(model, data, schedule, wish.seed)
    save(model, data, wish)


if __name__ == "__main__":
    main()
