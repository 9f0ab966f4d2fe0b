"""LiteRT in TensorFlow's place: the same numbers, with the weights of now."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.chain.models import CASES, case
from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.engine import flat_program
from workbench.engine.flat_piece import FlatPiece
from workbench.engine.live import LiveModel
from workbench.engine.workload import Workload, open_workload

L = keras.layers
CONVOLVED = ("nested", "residual", "separable", "conv1d", "transposed", "keras2")


def opened(name: str) -> Workload:
    return open_workload(case(name).model, case(name).data)


def half_pruned(workload: Workload) -> Any:
    recipe = Recipe((Plan("*", (Choice.of("magnitude", sparsity=0.5),)),))
    return compress(workload.sites, workload.weights, recipe, digests=workload.digests)


def samples(workload: Workload) -> list[tf.Tensor]:
    assert workload.data.test is not None
    return [tf.constant(x[:21]) for x in workload.data.test.x]


def made_of(layers: list[Any], shape: tuple[int, ...] = (9, 7, 3)) -> LiveModel:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(shape), *layers])
    for weight in model.weights:
        if "variance" not in weight.name:
            weight.assign(keras.random.normal(weight.shape, stddev=0.5))
    x = np.random.default_rng(0).normal(size=(40, *shape)).astype(np.float32)
    return LiveModel(open_workload(model, (x, np.arange(40) % 2)))


@pytest.mark.parametrize("name", CASES)
def test_every_form_gives_the_same_numbers(name: str) -> None:
    workload = opened(name)
    live, x = LiveModel(workload), samples(workload)
    end = live.program.end
    for network in (None, half_pruned(workload)):
        live.assign(network)
        expected = live.program.piece(0, end)(x)
        runner = live.runner(0, end)
        assert runner.is_flat == (name in CONVOLVED)
        for one, other in zip(runner(x), expected, strict=True):
            assert np.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("name", CONVOLVED)
def test_runners_join_to_the_whole(name: str) -> None:
    workload = opened(name)
    live, x = LiveModel(workload), samples(workload)
    end = live.program.end
    expected = live.program.piece(0, end)(x)
    for cut in range(1, end):
        there = live.runner(0, cut)(x)
        joined = live.runner(cut, end)(there)
        for one, other in zip(joined, expected, strict=True):
            assert np.allclose(one, other, atol=1e-5)


LAYERS: dict[str, list[Any]] = {
    "stride_and_same": [L.Conv2D(4, 3, strides=2, padding="same", activation="relu")],
    "norm_without_bias": [
        L.Conv2D(5, 3, use_bias=False),
        L.BatchNormalization(),
        L.ReLU(6.0),
    ],
    "norm_before": [L.BatchNormalization(), L.Conv2D(4, 3, activation="elu")],
    "norm_behind_relu": [
        L.Conv2D(4, 3, activation="relu"),
        L.BatchNormalization(),
        L.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
        L.BatchNormalization(),
    ],
    "pools": [
        L.Conv2D(4, 2, activation="sigmoid"),
        L.MaxPooling2D(2, padding="same"),
        L.AveragePooling2D(2, padding="same"),
    ],
    "global_average": [
        L.Conv2D(4, 3, activation="tanh"),
        L.GlobalAveragePooling2D(keepdims=True),
    ],
    "global_maximum": [L.Conv2D(4, 3), L.LeakyReLU(0.2), L.GlobalMaxPooling2D()],
    "padding": [L.ZeroPadding2D(2), L.Conv2D(4, 3), L.Softmax()],
    "swish": [L.Rescaling(2.0, -1.0), L.Conv2D(4, 3, activation="swish")],
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_translated(name: str) -> None:
    live = made_of([*LAYERS[name], L.Flatten(), L.Dense(2)])
    x = [tf.random.normal((9, 9, 7, 3))]
    end = live.program.end
    runner = live.runner(0, end)
    assert runner.is_flat
    assert np.allclose(runner(x)[0], live.program.piece(0, end)(x)[0], atol=1e-4)


@pytest.mark.parametrize("options", [{"groups": 3}, {"dilation_rate": 2}])
def test_other_convolutions_stay_with_tensorflow(options: dict[str, Any]) -> None:
    live = made_of([L.Conv2D(6, 3, **options), L.Flatten(), L.Dense(2)])
    assert not live.runner(0, live.program.end).is_flat


def test_half_precision_stays_with_tensorflow() -> None:
    conv = L.Conv2D(4, 3, dtype="mixed_float16")
    live = made_of([conv, L.Flatten(), L.Dense(2)])
    assert not live.runner(0, live.program.end).is_flat


def test_what_is_not_known_is_left_to_tensorflow_alone() -> None:
    live = made_of(
        [
            L.Conv2D(4, 3, activation="relu"),
            L.Conv2D(4, 3, activation="gelu"),
            L.Conv2D(4, 3, activation="relu"),
            L.Flatten(),
            L.Dense(2),
        ]
    )
    x = [tf.random.normal((9, 9, 7, 3))]
    end = live.program.end
    assert live.runner(0, 1).is_flat
    assert not live.runner(1, 2).is_flat
    assert live.runner(2, end).is_flat
    expected = live.program.piece(0, end)(x)[0]
    assert np.allclose(live.runner(0, end)(x)[0], expected, atol=1e-4)


def test_a_wrong_translation_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = opened("nested")
    live = LiveModel(workload)
    call = FlatPiece.__call__
    monkeypatch.setattr(
        FlatPiece, "__call__", lambda piece, x: [1.01 * y for y in call(piece, x)]
    )
    assert not live.runner(0, live.program.end).is_flat


def test_a_large_model_is_not_held_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat_program, "LARGEST_BYTES", 10)
    live = LiveModel(opened("nested"))
    assert not live.runner(0, live.program.end).is_flat


def test_quantized_activations_stay_with_tensorflow() -> None:
    live = LiveModel(opened("nested"))
    live.kind = "quantized"
    _ = live._quantized
    assert not live.runner(0, live.program.end).is_flat
