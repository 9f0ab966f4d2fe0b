"""Small models, labels for them, and what scores and refusals come to."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from tests.chain.models import predict
from workbench.core.errors import UserError
from workbench.engine.workload import Workload

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype(np.float32)


def model(units: int, activation: str | None = None) -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((4,)), L.Dense(units, activation)])


def small(*layers: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((3,), name="x"), *layers])


def labels(classes: int) -> np.ndarray:
    return np.arange(20) % classes


def refusal(call: Callable[[], object]) -> UserError:
    with pytest.raises(UserError) as error:
        call()
    assert error.value.text("zh") != str(error.value)
    assert "\n" not in str(error.value)
    return error.value


def scored(workload: Workload, split: str = "test") -> np.ndarray:
    part = getattr(workload.data, split)
    x = list(part.x) if len(part.x) > 1 else part.x[0]
    assert workload.metric is not None
    return workload.metric.results(part.y, predict(workload.model, x))
