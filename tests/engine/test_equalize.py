"""Channels get other scales, and the model computes the same."""

import keras
import numpy as np
import pytest

from tests.chain.models import CASES, case, predict
from workbench.core.edit import set_knobs, set_repair, switch_off
from workbench.core.recipe import Recipe
from workbench.engine.equalize import equalized
from workbench.engine.moments import MomentCalibrator
from workbench.engine.realize import realize
from workbench.engine.workload import open_workload
from workbench.session import Session

L = keras.layers
EVEN = set_knobs(Recipe(), "equalize")
CODED = set_knobs(Recipe(), "uniform", bits=4, granularity="tensor", range="mse")


def net(*between, is_uneven=True):
    """Two dense layers with something in between, channels of very uneven ranges."""
    keras.utils.set_random_seed(2)
    x = given = keras.Input((5,))
    x = L.Dense(6, name="one")(x)
    for layer in between:
        x = layer(x)
    model = keras.Model(given, L.Dense(3, name="two")(x))
    if is_uneven:
        rng = np.random.default_rng(3)
        uneven = np.exp(rng.normal(0, 2, 6)).astype(np.float32)
        layer = model.get_layer("one")
        layer.kernel.assign(layer.kernel * uneven)
        layer.bias.assign(rng.normal(size=6))
    return model


def opened(model):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, *model.input_shape[1:])).astype(np.float32)
    y = rng.normal(size=(64, 3)).astype(np.float32)
    data = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    return open_workload(model, data, metric=nearness, loss="mse")


def nearness(y, outputs):
    return -np.square(y - outputs).mean(-1)


def ranges(values, axis):
    return np.abs(np.moveaxis(values, axis, 0)).reshape(values.shape[axis], -1).max(1)


def made_even(workload):
    paths = [site.path for site in workload.sites if site.can]
    return equalized(workload, workload.sites, paths)


def said(workload, model):
    return predict(model, workload.data.test.x[0])


@pytest.mark.parametrize(
    "between",
    [(), (L.ReLU(),), (L.LeakyReLU(),), (L.Dropout(0.5), L.ReLU())],
    ids=str,
)
def test_both_sides_come_to_one_range(between):
    workload = opened(net(*between))
    found = made_even(workload)
    one, two = found.workload.weights.values()
    np.testing.assert_allclose(ranges(one, 1), ranges(two, 0), rtol=0.01)
    before = [
        ranges(w, a) for w, a in zip(workload.weights.values(), (1, 0), strict=True)
    ]
    np.testing.assert_allclose(
        ranges(one, 1), np.sqrt(before[0] * before[1]), rtol=0.01
    )
    np.testing.assert_allclose(
        said(workload, found.workload.model), said(workload, workload.model), atol=1e-4
    )
    assert not found.reasons


@pytest.mark.parametrize(
    "between",
    [
        L.ReLU(max_value=6),
        L.Activation("relu6"),
        L.Activation("tanh"),
        L.ELU(),
        L.LayerNormalization(),
        L.ReLU(threshold=0.1),
    ],
    ids=str,
)
def test_what_does_not_scale_along_holds_its_channels(between):
    workload = opened(net(between))
    found = made_even(workload)
    assert found.workload is workload
    assert found.reasons == dict.fromkeys(workload.weights, "polish.no_scale")


@pytest.mark.parametrize("follower", [L.ReLU(), L.Activation("silu")], ids=str)
def test_batch_norm_takes_up_any_scale(follower):
    model = net(L.BatchNormalization(name="norm"), follower)
    rng = np.random.default_rng(1)
    for variable in model.get_layer("norm").variables:
        variable.assign(rng.uniform(0.5, 2, variable.shape))
    workload = opened(model)
    found = made_even(workload)
    one, two = found.workload.weights.values()
    np.testing.assert_allclose(ranges(one, 1), ranges(one, 1).max(), rtol=0.01)
    if isinstance(follower, L.ReLU):
        np.testing.assert_allclose(ranges(two, 0), ranges(two, 0).max(), rtol=0.01)
    assert (found.workload.others["norm/moving_variance"] > 0).all()
    np.testing.assert_allclose(
        said(workload, found.workload.model), said(workload, workload.model), atol=1e-3
    )


@pytest.mark.parametrize("name", CASES)
def test_a_model_of_any_form_computes_the_same(name):
    form = case(name)
    workload = open_workload(form.model, form.data)
    before = {path: values.copy() for path, values in workload.weights.items()}
    found = made_even(workload)
    assert "polish.differs" not in found.reasons.values()
    if found.workload is not workload:
        assert workload.data.test is not None
        x = list(workload.data.test.x)
        x = x[0] if len(x) == 1 else x
        given, now = (predict(m, x) for m in (workload.model, found.workload.model))
        np.testing.assert_allclose(now, given, atol=0.02 if name == "half" else 1e-4)
    for path, values in workload.weights.items():
        np.testing.assert_array_equal(values, before[path])


def test_most_forms_have_scales_to_choose():
    changed = set()
    for name in ("dense", "conv1d", "residual", "separable", "shared", "nested"):
        form = case(name)
        workload = open_workload(form.model, form.data)
        if made_even(workload).workload is not workload:
            changed.add(name)
    assert {"separable", "residual"} <= changed


def test_moments_are_those_of_the_scaled_inputs():
    form = case("separable")
    workload = open_workload(form.model, form.data)
    calibrated = sites_of(workload)
    paths = [site.path for site in calibrated if site.can]
    found = equalized(workload, calibrated, paths)
    for scaled, fresh in zip(found.sites, sites_of(found.workload), strict=True):
        assert (scaled.gram is None) == (fresh.gram is None)
        if fresh.gram is not None and scaled.gram is not None:
            top = np.abs(fresh.gram.moments).max()
            gap = np.abs(scaled.gram.moments - fresh.gram.moments).max()
            assert gap <= 1e-3 * top


def sites_of(workload):
    moments = MomentCalibrator(workload)
    for _ in moments.run():
        pass
    return moments.sites


@pytest.fixture(scope="module")
def session():
    form = case("separable")
    made = Session(form.model, form.data, is_kept=False)
    yield made
    made.close()


def loss_of(session, recipe):
    session.edit(recipe)
    x = session.workload.data.train.x[0]
    made = realize(session.workload, session.before.network)
    return np.square(predict(made, x) - predict(session.workload.model, x)).mean()


def test_one_scale_for_a_tensor_then_loses_less(session):
    assert loss_of(session, EVEN) < 1e-9
    plain = loss_of(session, CODED)
    even = loss_of(session, set_knobs(CODED, "equalize"))
    assert even < plain
    repaired = set_repair(set_knobs(CODED, "equalize"), is_on=True)
    assert loss_of(session, repaired) < plain
    matched = set_knobs(repaired, "batch_norm")
    assert loss_of(session, matched) < plain


def test_only_kernels_that_ask_are_scaled(session):
    session.edit(set_knobs(Recipe(), "equalize", "head/kernel"))
    network = session.before.network
    for path, tensor in network.tensors.items():
        if path != "head/kernel":
            assert tensor.dense is session.weights[path]
    session.edit(switch_off(EVEN, "equalize", "head/kernel"))
    assert (
        session.before.network.tensors["head/kernel"].dense
        is (session.weights["head/kernel"])
    )


def test_ranges_of_activations_are_those_of_the_scaled_channels(session):
    plain = set_knobs(Recipe(), "activations", bits=8)
    session.edit(plain)
    before = dict(session.before.network.activations)
    score = session.before.measurement.score
    session.edit(set_knobs(plain, "equalize"))
    after = session.before.network.activations
    assert set(after) == set(before)
    assert any(
        not np.array_equal(after[place].scale, before[place].scale) for place in after
    )
    assert session.before.measurement.score >= score - 0.1


def test_what_is_saved_computes_what_was_measured(session, tmp_path):
    session.edit(set_knobs(CODED, "equalize"))
    session.save(tmp_path / "out", ("keras",))
    file = keras.saving.load_model(tmp_path / "out" / "model.keras")
    x = session.workload.data.test.x[0]
    made = realize(session.workload, session.before.network)
    np.testing.assert_allclose(predict(file, x), predict(made, x), atol=1e-5)
    assert session.recipe.to_json()["plans"][0]["steps"][0] == {"step": "equalize"}
