"""What is said of a file that is not what was simulated, and where it has to be."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from workbench.core.compress import compress
from workbench.core.network import Network
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.engine.workload import Workload, open_workload
from workbench.export.artifact import Artifact, ExportJob, exporters
from workbench.export.parity import compare

L = keras.layers
pytestmark = pytest.mark.slow


def recipe(bits: int) -> Recipe:
    return Recipe((Plan("*", (Choice.of("uniform", bits=bits),)),))


def made(workload: Workload, wish: Recipe) -> Network:
    return compress(workload.sites, workload.weights, wish, digests=workload.digests)


def export(workload: Workload, bits: int, folder: Path) -> Artifact:
    wish = recipe(bits)
    job = ExportJob(workload, made(workload, wish), wish, folder)
    return exporters["tflite-exact"](job)


def series(layer: L.Layer) -> Workload:
    """A model of a single series, whose kernel has one row."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 1)), layer, L.Flatten(), L.Dense(2)])
    rng = np.random.default_rng(0)
    for weight in model.weights:
        # Far from zero, all of one sign: LSTM's biases are like that.
        weight.assign(rng.uniform(0.5, 1.0, weight.shape))
    x = rng.normal(size=(40, 8, 1)).astype(np.float32)
    y = rng.normal(size=(40, 2)).astype(np.float32)
    return open_workload(model, (x, y), loss="mse")


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(
    "layer", [L.LSTM(6), L.GRU(6), L.Dense(6), L.Conv1D(6, 1), L.SimpleRNN(6)]
)
def test_a_kernel_of_one_row_is_stored_as_it_is(
    layer: L.Layer, bits: int, tmp_path: Path
) -> None:
    # Each test has a layer of its own.
    layer = type(layer).from_config(layer.get_config())
    artifact = export(series(layer), bits, tmp_path)
    assert artifact.largest_gap is not None
    assert artifact.largest_gap < 1e-4
    assert "export.drifts" not in {note.key for note in artifact.notes}


def compared(workload: Workload, change: Any) -> Any:
    """The simulation against a file that changes its outputs."""
    runtime: Any = SimpleNamespace(
        predict=lambda x: ([change(np.asarray(workload.model(x[0])))], 1.0)
    )
    return compare(workload, made(workload, Recipe()), runtime, (0,))


def test_answers_for_each_pixel_are_compared() -> None:
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4, 4, 1)), L.Conv2D(1, 1, activation="sigmoid")]
    x = np.random.default_rng(0).normal(size=(20, 4, 4, 1)).astype(np.float32)
    workload = open_workload(keras.Sequential(layers), (x, (x[..., 0] > 0) * 1))
    assert compared(workload, lambda p: p).agreement == 1

    def first_turned(p: np.ndarray) -> np.ndarray:
        p = p.copy()
        p[0, 0, 0] = 1 - p[0, 0, 0]
        return p

    assert compared(workload, first_turned).agreement == pytest.approx(1 - 1 / 320)


def test_a_score_of_numbers_that_drifts_is_told() -> None:
    workload = series(L.Dense(2))
    same = compared(workload, lambda p: p)
    assert same.agreement is None
    assert not same.has_drifted
    assert same.simulated == pytest.approx(same.score.score, rel=1e-6)
    assert compared(workload, lambda p: 2 * p).has_drifted
