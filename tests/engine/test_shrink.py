"""Channels that go together, and models that are really smaller without them."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import accuracy, case
from workbench.core.compress import compress
from workbench.core.network import Network
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.engine.layers import pack
from workbench.engine.moments import MomentCalibrator
from workbench.engine.realize import realize
from workbench.engine.shrink import shrink
from workbench.engine.workload import Workload, open_workload

L = keras.layers
GROUPED = (
    "dense",
    "nested",
    "shared",
    "residual",
    "bidirectional",
    "two_inputs",
    "sequence",
    "gru",
    "separable",
    "conv1d",
    "embedding",
    "transposed",
    "half",
    "keras2",
)


def recipe(sparsity: float, *more: Choice) -> Recipe:
    return Recipe((Plan("*", (Choice.of("structured", sparsity=sparsity), *more)),))


def network_of(workload: Workload, wish: Recipe) -> Network:
    moments = MomentCalibrator(workload)
    list(moments.run(samples=64))
    return compress(
        moments.sites,
        workload.weights,
        wish,
        digests=workload.digests,
        biases=workload.others,
    )


def outputs(model: keras.Model, workload: Workload) -> Any:
    return np.asarray(model(pack(model, workload.examples(20)), training=False))


@pytest.mark.parametrize("name", GROUPED)
def test_the_smaller_model_computes_what_the_masked_one_does(
    name: str, tmp_path: Path
) -> None:
    form = case(name)
    workload = open_workload(form.model, form.data)
    wish = recipe(0.5, Choice.of("reconstruct"), Choice.of("uniform", bits=8))
    network = network_of(workload, wish)
    small, result = shrink(workload, network)
    masked, model = realize(workload, network), realize(small, result)
    assert model.count_params() < masked.count_params()
    np.testing.assert_allclose(
        outputs(model, workload), outputs(masked, workload), atol=1e-3
    )
    file = tmp_path / "model.keras"
    model.save(file)
    again: Any = keras.saving.load_model(file)
    assert accuracy(again, form.data) == accuracy(model, form.data)
    for tensor in result.tensors.values():
        mask = np.ones(1) if tensor.mask is None else tensor.mask
        np.testing.assert_array_equal(tensor.code.decode() * mask, tensor.dense)
