"""Every form of model is retrained, with masks, grids and activations held."""

import keras
import numpy as np
import pytest

from tests.chain.models import CASES, case
from workbench.core.affine import grid_between
from workbench.core.codes import Affine
from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe, Retraining
from workbench.engine.layers import variables
from workbench.engine.slopes import SlopeCalibrator
from workbench.engine.trainer import Trainer
from workbench.engine.workload import open_workload

PRUNED = Recipe(
    (
        Plan(
            "*",
            (
                Choice.of("magnitude", sparsity=0.5, scope="tensor"),
                Choice.of("uniform", bits=3),
            ),
        ),
    )
)
QUICK = Retraining(epochs=2, learning_rate=0.003, batch_size=32)


@pytest.mark.parametrize("name", CASES)
def test_every_form_of_model_is_retrained(name):
    given = case(name)
    workload = open_workload(given.model, given.data)
    low, high = np.array([[-8], [8]], np.float32)
    grid = grid_between(low, high, 8, is_symmetric=False)
    network = compress(
        workload.sites,
        workload.weights,
        PRUNED,
        digests=workload.digests,
        activations={site.path: grid for site in workload.outputs if site.kernels},
    )
    *_, last = Trainer(workload).run(network, QUICK, recipe=PRUNED)
    assert last.is_last
    assert last.best is not None
    result = last.best.network
    for path, tensor in result.tensors.items():
        old = network.tensors[path]
        assert isinstance(tensor.code, Affine)
        assert tensor.mask is not None
        assert old.mask is not None
        assert np.array_equal(tensor.mask, old.mask)
        assert np.array_equal(tensor.code.decode() * tensor.mask, tensor.dense)
    trained = {id(variable) for variable in given.model.trainable_variables}
    for path, variable in variables(given.model).items():
        if path in result.tensors:
            is_same = result.digests[path] == network.digests[path]
            assert is_same == (id(variable) not in trained)
    assert set(result.others or ()) == set(workload.others)


def test_an_output_in_a_dictionary_is_trained_as_itself():
    given = case("conv1d")
    model = given.model
    named = keras.Model(model.input, {"answer": model.output})
    scores = []
    for form in (model, named):
        loss = "sparse_categorical_crossentropy"
        workload = open_workload(form, given.data, loss=loss)
        sites, weights, digests = workload.sites, workload.weights, workload.digests
        network = compress(sites, weights, PRUNED, digests=digests)
        *_, last = Trainer(workload).run(network, QUICK, recipe=PRUNED)
        assert last.best is not None
        scores.append((last.loss, last.best.validation))
        assert [*SlopeCalibrator(workload, sites).run()]
    assert scores[0] == pytest.approx(scores[1])
