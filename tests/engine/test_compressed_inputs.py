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


def test_rows_are_those_of_the_models():
    session = opened("dense")
    session.edit(ALONE)
    network = session.before.network
    inputs = CompressedInputs(session.workload, session.sites)
    *_, last = inputs.stages(inputs.order)
    ((path, gram),) = drained(inputs.grams(last, network)).items()
    x = session.workload.data.train.x[0]
    seen = [
        predict(keras.Model(model.inputs, model.layers[-1].input), x)
        for model in (session.workload.model, realize(session.workload, network))
    ]
    given, now = seen
    np.testing.assert_allclose(gram.aim.rows[0], now, atol=1e-4)
    made = given @ session.workload.weights[path]
    np.testing.assert_allclose(gram.aim.given[0], made, atol=1e-4)
    np.testing.assert_allclose(gram.moments[0], now.T @ now / len(x), atol=1e-3)
    np.testing.assert_allclose(gram.mean[0], now.mean(0), atol=1e-4)
    session.close()


def test_a_kernel_that_sees_and_makes_what_it_did_is_left_out():
    session = opened("dense")
    session.edit(Recipe())
    inputs = CompressedInputs(session.workload, session.sites)
    for stage in inputs.stages(inputs.order):
        assert drained(inputs.grams(stage, session.before.network)) == {}
    session.close()


def test_what_the_original_makes_is_run_once(monkeypatch):
    session = opened("dense")
    session.edit(ALONE)
    network = session.before.network
    inputs = CompressedInputs(session.workload, session.sites)
    last = inputs.stages(inputs.order)[-1]
    first = drained(inputs.grams(last, network))
    session.edit(MORE)
    again = drained(inputs.grams(last, session.before.network))
    for path, gram in first.items():
        assert again[path].aim.given is gram.aim.given
        assert again[path].digest != gram.digest
    monkeypatch.setattr(compressed_inputs, "_KEPT_BYTES", 0)
    fresh = CompressedInputs(session.workload, session.sites)
    kept, other = (drained(fresh.grams(last, network)) for _ in range(2))
    for path, gram in first.items():
        assert kept[path].aim.given is not other[path].aim.given
        np.testing.assert_array_equal(kept[path].aim.given, gram.aim.given)
    session.close()


def test_the_kernels_of_a_recurrent_layer_make_up_for_each_other():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((9, 4)), keras.layers.LSTM(6, name="lstm")]
    model = keras.Sequential([*layers, keras.layers.Dense(3, name="last")])
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(300, 9, 2)) @ rng.normal(size=(2, 4))).astype(np.float32)
    y = np.arange(300) % 3
    session = Session(model, (x, y, x[:30], y[:30]), is_kept=False)
    aim = predict(keras.Sequential(model.layers[:1]), x)
    errors = []
    for recipe in (PRUNED, REPAIRED):
        session.edit(recipe)
        made = realize(session.workload, session.before.network)
        now = predict(keras.Sequential(made.layers[:1]), x)
        errors.append(np.square(now - aim).mean())
    assert errors[1] < 0.5 * errors[0]
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
        if tensor.mask is not None and mask is not None:
            assert tensor.mask.sum() == mask.sum()
            assert not tensor.dense[~tensor.mask].any()
    again = made[REPAIRED].digest
    session.edit(PRUNED)
    session.edit(REPAIRED)
    assert session.before.network.digest == again
    session.close()
