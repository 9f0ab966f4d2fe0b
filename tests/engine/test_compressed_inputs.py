"""What kernels see of a compressed model, against the model that is built of it."""

import keras
import numpy as np
import pytest

from tests.chain.models import case, predict
from workbench.core.edit import set_knobs, set_repair
from workbench.core.recipe import Recipe
from workbench.engine import compressed_inputs
from workbench.engine.compressed_inputs import CompressedInputs
from workbench.engine.realize import realize
from workbench.session import Session

PRUNED = set_knobs(Recipe(), "magnitude", sparsity=0.5)
MORE = set_knobs(Recipe(), "magnitude", sparsity=0.7)
REPAIRED = set_repair(PRUNED, is_on=True)
ALONE = set_knobs(REPAIRED, "reconstruct", inputs="original")


def opened(name):
    form = case(name)
    return Session(form.model, form.data, is_kept=False)


def drained(work):
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_moments_are_those_of_the_models():
    session = opened("dense")
    session.edit(ALONE)
    network = session.before.network
    inputs = CompressedInputs(session.workload, session.sites)
    *_, last = inputs.stages(inputs.order)
    (gram,) = drained(inputs.grams(last, network)).values()
    x = session.workload.data.train.x[0]
    seen = [
        predict(keras.Model(model.inputs, model.layers[-1].input), x)
        for model in (session.workload.model, realize(session.workload, network))
    ]
    given, now = seen
    np.testing.assert_allclose(gram.cross[0], given.T @ now / len(x), atol=1e-3)
    np.testing.assert_allclose(gram.moments[0], now.T @ now / len(x), atol=1e-3)
    np.testing.assert_allclose(gram.given[0], given.mean(0), atol=1e-4)
    first = inputs.stages(inputs.order)[0]
    assert drained(inputs.grams(first, network)) == {}, "Nothing is before it."
    session.close()


def test_what_is_remembered_has_a_limit(monkeypatch):
    session = opened("dense")
    inputs = CompressedInputs(session.workload, session.sites)
    last = inputs.stages(inputs.order)[-1]
    networks = []
    for recipe in (PRUNED, ALONE):
        session.edit(recipe)
        networks.append(session.before.network)
    first, _ = (drained(inputs.grams(last, network)) for network in networks)
    assert drained(inputs.grams(last, networks[0])) is first
    monkeypatch.setattr(compressed_inputs, "_REMEMBERED_BYTES", 1)
    session.edit(MORE)
    drained(inputs.grams(last, session.before.network))
    again = drained(inputs.grams(last, networks[0]))
    assert again is not first
    for path, gram in first.items():
        np.testing.assert_allclose(again[path].moments, gram.moments, atol=1e-6)
    session.close()


FORMS = ["nested", "shared", "two_inputs", "subclassed", "gru", "separable"]


@pytest.mark.parametrize("name", FORMS)
def test_a_model_of_any_form_is_repaired_in_turn(name):
    session = opened(name)
    made = {}
    for recipe in (PRUNED, ALONE, REPAIRED):
        session.edit(recipe)
        made[recipe] = session.before.network
    x = list(session.workload.data.train.x)
    x = x[0] if len(x) == 1 else x
    aim = predict(session.workload.model, x)
    errors = [
        np.square(predict(realize(session.workload, network), x) - aim).mean()
        for network in made.values()
    ]
    assert errors[2] < errors[0]
    assert errors[2] <= 1.05 * errors[1]
    for path, tensor in made[REPAIRED].tensors.items():
        mask = made[PRUNED].tensors[path].mask
        assert (tensor.mask is None) == (mask is None)
        assert mask is None or not tensor.dense[~mask].any()
    again = made[REPAIRED].digest
    session.edit(PRUNED)
    session.edit(REPAIRED)
    assert session.before.network.digest == again
    session.close()
