"""Files of models that are smaller by whole channels."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.chain.models import accuracy, case
from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.engine.evaluator import Evaluator
from workbench.engine.workload import open_workload
from workbench.export.artifact import ExportJob, exporters
from workbench.export.flat_model import FlatModel

RECIPE = Recipe((Plan("*", (Choice.of("structured", sparsity=0.5, score="norm"),)),))


def job(name: str, recipe: Recipe, folder: Path) -> ExportJob:
    form = case(name)
    workload = open_workload(form.model, form.data)
    network = compress(
        workload.sites, workload.weights, recipe, digests=workload.digests
    )
    return ExportJob(workload, network, recipe, folder)


@pytest.mark.parametrize("name", ["residual", "gru"])
def test_the_saved_file_is_smaller_and_answers_the_same(
    name: str, tmp_path: Path
) -> None:
    wish = job(name, RECIPE, tmp_path)
    *_, simulated = Evaluator(wish.workload).run(wish.network)
    artifact = exporters["keras"](wish)
    opened = keras.saving.load_model(artifact.path)
    assert isinstance(opened, keras.Model)
    whole = wish.workload.model.count_params()
    assert opened.count_params() < 0.7 * whole
    assert accuracy(opened, case(name).data) == pytest.approx(simulated.score)


def test_the_litert_file_is_smaller_too_and_keeps_its_integers(tmp_path: Path) -> None:
    coded = Recipe((*RECIPE.plans, Plan("*", (Choice.of("uniform", bits=8),))))
    spared = Recipe((Plan("*", (Choice.of("uniform", bits=8),)),))
    stored = []
    for recipe in (spared, coded):
        wish = job("residual", recipe, tmp_path)
        artifact = exporters["tflite-exact"](wish)
        assert artifact.agreement == 1.0
        model = FlatModel(artifact.path.read_bytes())
        stored.append(model.stored_types()["int8"])
    tensors = job("residual", coded, tmp_path).shrunk().network.tensors.values()
    assert stored[1] < stored[0]
    assert stored[1] == sum(tensor.dense.size for tensor in tensors)
    assert np.all([tensor.bits == 8 for tensor in tensors])
