"""Data of every form for the tiny models: three classes, seeded, with noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASSES = 3
TRAIN, TEST = 192, 96
Arrays = dict[str, NDArray[Any]]


def pictures() -> Arrays:
    """Three patterns of 8 x 8 with noise."""
    return _patterns((8, 8, 1))


def vectors() -> Arrays:
    """Three patterns of 12 numbers with noise."""
    return _patterns((12,))


def series() -> Arrays:
    """Three patterns of 6 steps of 4 numbers with noise."""
    return _patterns((6, 4))


def labelled_series() -> Arrays:
    """6 steps of 4 numbers, each step with a class of its own."""
    rng = np.random.default_rng(3)
    templates = rng.normal(size=(CLASSES, 4)).astype(np.float32)
    arrays: Arrays = {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        y = rng.integers(CLASSES, size=(n, 6))
        noise = rng.normal(scale=0.6, size=(n, 6, 4)).astype(np.float32)
        arrays |= {f"x_{split}": templates[y] + noise, f"y_{split}": y}
    return arrays


def words() -> Arrays:
    """7 numbers of words out of 12, each class with favourites."""
    rng = np.random.default_rng(4)
    chances = rng.dirichlet(np.full(12, 0.4), size=CLASSES)
    arrays: Arrays = {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        y = rng.integers(CLASSES, size=n)
        x = np.stack([rng.choice(12, size=7, p=chances[label]) for label in y])
        arrays |= {f"x_{split}": x.astype(np.int32), f"y_{split}": y}
    return arrays


def pairs() -> Arrays:
    """Two inputs, ``left`` of 12 and ``right`` of 5 numbers, that belong together."""
    rng = np.random.default_rng(5)
    sizes = {"left": 12, "right": 5}
    templates = {k: rng.normal(size=(CLASSES, n)) for k, n in sizes.items()}
    arrays: Arrays = {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        y = rng.integers(CLASSES, size=n)
        arrays[f"y_{split}"] = y
        for key, size in sizes.items():
            x = templates[key][y] + rng.normal(size=(n, size))
            arrays[f"x_{split}_{key}"] = x.astype(np.float32)
    return arrays


def _patterns(shape: tuple[int, ...]) -> Arrays:
    rng = np.random.default_rng(2)
    templates = rng.normal(size=(CLASSES, *shape)).astype(np.float32)
    arrays: Arrays = {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        y = rng.integers(CLASSES, size=n)
        noise = rng.normal(size=(n, *shape)).astype(np.float32)
        arrays |= {f"x_{split}": templates[y] + noise, f"y_{split}": y}
    return arrays
