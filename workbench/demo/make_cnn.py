"""Train the small convolutional net of the demo on the whole Fashion-MNIST.

    python -m workbench.demo.make_cnn --data FULLSET --out DIR --seed 0

Two convolutions, a depthwise-separable block (Howard et al. 2017, arXiv 1704.04861), a
third convolution, two dense layers; BatchNorm and ReLU after every convolution, so
that each folds into one integer operation.
"""

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from workbench.demo.training import Schedule, load, read_wish, save, train

_SHIFT = 2
_MIRRORED = 0.5


def build() -> keras.Model:
    """Return the untrained net; it takes pixels from 0 to 255."""
    pixels = keras.Input((28, 28, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="rescaling")(pixels)
    x = _after(layers.Conv2D(24, 3, padding="same", use_bias=False, name="conv_1"), x)
    x = _after(
        layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="conv_2"),
        x,
    )
    x = _after(
        layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise"), x
    )
    x = _after(layers.Conv2D(64, 1, use_bias=False, name="pointwise"), x)
    x = layers.MaxPooling2D(name="pool_1")(x)
    x = _after(layers.Conv2D(96, 3, padding="same", use_bias=False, name="conv_3"), x)
    x = layers.MaxPooling2D(name="pool_2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, "relu", name="dense_1")(x)
    scores = layers.Dense(10, "softmax", name="scores")(x)
    return keras.Model(pixels, scores, name="cnn")


def vary(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Mirror half of the images and move each by up to two pixels either way.

    Args:
        images: Shape `(n, 28, 28, 1)`.
        rng: Draws the changes.

    Returns:
        Changed copies in the same order; what moves in is black.
    """
    count, height, width, _ = images.shape
    mirrored = rng.random(count) < _MIRRORED
    images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
    edge = ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0))
    padded = np.pad(images, edge)
    down, right = rng.integers(0, 2 * _SHIFT + 1, (2, count, 1, 1))
    rows = down + np.arange(height)[:, None]
    columns = right + np.arange(width)
    return padded[np.arange(count)[:, None, None], rows, columns]


def _after(convolution: layers.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
    name = convolution.name
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(convolution(x))
    return layers.ReLU(name=f"{name}_relu")(x)


def main() -> None:
    """Train, test, save."""
    wish = read_wish(epochs=18)
    data = load(wish.data)
    model = build()
    schedule = Schedule(wish.epochs, batch=128, rate=3e-3, decay=0.02, smoothing=0.1)
    train(model, data, schedule, wish.seed, vary)
    save(model, data, wish)


if __name__ == "__main__":
    main()
