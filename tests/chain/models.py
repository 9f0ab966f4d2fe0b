"""Tiny models of every form, with data, for tests of the whole chain.

Every model ends in a dense layer named ``head`` that is fitted to the data in closed
form, so that each scores far above chance without a training loop. Nothing that takes
a model changes it, so each is made once a process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tests.chain import data, forms
from tests.chain.data import CLASSES, Arrays


@dataclass(frozen=True, eq=False)
class Case:
    """A model with its data.

    Attributes:
        name: What form it shows.
        model: Fitted, and compiled with a loss.
        data: ``x_train``, ``y_train``, ``x_test``, ``y_test`` (``x_train_NAME`` for
            several inputs); labels are class numbers from 0 to 2: chance is 1/3.
    """

    name: str
    model: keras.Model
    data: Arrays


@cache
def case(name: str) -> Case:
    """One of `CASES`, made with fixed seeds."""
    build, made = CASES[name]
    keras.utils.set_random_seed(7)
    model, arrays = build(), made()
    if name != "keras2":
        _fit(model, arrays)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return Case(name, model, arrays)


def inputs(model: keras.Model, arrays: Arrays, split: str) -> Any:
    """The arrays of a split as the model is called with them."""
    if f"x_{split}" in arrays:
        return arrays[f"x_{split}"]
    return [arrays[f"x_{split}_{tensor.name}"] for tensor in model.inputs]


def predict(model: Any, x: Any) -> Any:
    """What plain Keras predicts."""
    return model.predict(x, verbose=0)


def accuracy(model: keras.Model, arrays: Arrays) -> float:
    """The test accuracy, by plain Keras."""
    scores = predict(model, inputs(model, arrays, "test"))
    return float((scores.argmax(-1) == arrays["y_test"]).mean())


def _fit(model: keras.Model, arrays: Arrays) -> None:
    """Set the head to the least-squares fit of the classes on what enters it."""
    head = model.get_layer("head")
    seen: list[NDArray[Any]] = []
    call = head.call

    def spy(x: Any, **kwargs: Any) -> Any:
        seen.append(x.numpy().astype(np.float64))
        return call(x, **kwargs)

    head.call = spy
    x = inputs(model, arrays, "train")
    model(x if isinstance(x, list) else keras.ops.convert_to_tensor(x), training=False)
    head.call = call
    features = seen[0].reshape(-1, seen[0].shape[-1])
    ones = np.ones((len(features), 1))
    wanted = np.eye(CLASSES)[arrays["y_train"].reshape(-1)]
    design = np.hstack([features, ones])
    square = design.T @ design + np.eye(design.shape[1])
    solution = 6.0 * np.linalg.solve(square, design.T @ wanted)
    head.set_weights([solution[:-1], solution[-1]])


CASES: dict[str, tuple[Callable[[], keras.Model], Callable[[], Arrays]]] = {
    "dense": (forms.dense, data.vectors),
    "nested": (forms.nested, data.pictures),
    "shared": (forms.shared, data.vectors),
    "residual": (forms.residual, data.pictures),
    "bidirectional": (forms.bidirectional, data.series),
    "two_inputs": (forms.two_inputs, data.pairs),
    "sequence": (forms.sequence, data.labelled_series),
    "subclassed": (forms.subclassed, data.vectors),
    "gru": (forms.gru, data.series),
    "separable": (forms.separable, data.pictures),
    "conv1d": (forms.conv1d, data.series),
    "embedding": (forms.embedding, data.words),
    "attention": (forms.attention, data.series),
    "transposed": (forms.transposed, data.pictures),
    "frozen": (forms.frozen, data.vectors),
    "half": (forms.half, data.vectors),
    "keras2": (forms.keras2, data.pictures),
}
