"""A network as a plain Keras model."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import CASES, accuracy, case
from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.engine.evaluator import Evaluator
from workbench.engine.layers import custom_objects, variables
from workbench.engine.realize import realize
from workbench.engine.workload import open_workload

RECIPE = Recipe(
    (Plan("*", (Choice.of("magnitude", sparsity=0.4), Choice.of("uniform", bits=4))),)
)


@pytest.mark.parametrize("name", CASES)
def test_its_file_opens_in_plain_keras_with_the_score(
    name: str, tmp_path: Path
) -> None:
    form = case(name)
    workload = open_workload(form.model, form.data)
    before = {path: np.array(v) for path, v in variables(form.model).items()}
    network = compress(
        workload.sites, workload.weights, RECIPE, digests=workload.digests
    )
    *_, measured = Evaluator(workload).run(network)
    file = tmp_path / "model.keras"
    realize(workload, network).save(file)
    with keras.saving.custom_object_scope(custom_objects(form.model)):
        model: Any = keras.saving.load_model(file)
    assert abs(accuracy(model, form.data) - measured.score) < 1e-6
    for path, values in before.items():
        assert np.array_equal(values, np.array(variables(form.model)[path]))


@pytest.mark.parametrize("name", CASES)
def test_other_variables_come_along(name: str) -> None:
    form = case(name)
    workload = open_workload(form.model, form.data)
    network = compress(
        workload.sites,
        workload.weights,
        RECIPE,
        digests=workload.digests,
        others={path: values + 1 for path, values in workload.others.items()},
    )
    made = variables(realize(workload, network))
    for path, values in workload.others.items():
        assert np.allclose(np.array(made[path]), values + 1)
    for path, tensor in network.tensors.items():
        held = np.array(made[path], np.float32)
        assert np.array_equal(held, tensor.dense.astype(made[path].dtype))
