"""Gradient times weight of what takes channels, against the loss itself."""

from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import case
from workbench.core.groups import groups_of
from workbench.engine.slopes import BATCH, SlopeCalibrator
from workbench.engine.workload import open_workload


def run(workload) -> dict[str, Any]:
    slopes = SlopeCalibrator(workload, workload.sites)
    shares = list(slopes.run())
    assert shares == sorted(shares)
    return {site.path: site for site in slopes.sites}


@pytest.fixture(scope="module")
def dense():
    form = case("dense")
    return open_workload(form.model, form.data)


def test_it_is_the_slope_of_the_loss_as_an_input_fades(dense):
    found = run(dense)["head/kernel"].slopes
    train, model = dense.data.train, dense.model
    rows = train.drawn(512, BATCH, 0)[0]
    x, y = train.x[0][rows], train.y[rows]
    hidden = np.asarray(model.get_layer("hidden")(x))
    kernel, bias = (np.asarray(v, np.float64) for v in model.get_layer("head").weights)

    def loss(factors):
        scores = (hidden * factors) @ kernel + bias
        scores -= scores.max(axis=1, keepdims=True)
        log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(y)), y].mean()

    step, count = 1e-5, len(kernel)
    expected = [
        (loss(1 + step * row) - loss(1 - step * row)) / (2 * step)
        for row in np.eye(count)
    ]
    np.testing.assert_allclose(found.along[0][0], expected, rtol=1e-3, atol=1e-5)


def test_each_place_where_channels_enter_is_told_of_and_no_other(dense):
    found = run(dense)
    assert found["hidden/kernel"].slopes is None
    assert list(found["head/kernel"].slopes.along) == [0]


@pytest.mark.parametrize("name", ["gru", "residual"])
def test_recurrent_and_tied_channels_are_told_of(name):
    form = case(name)
    workload = open_workload(form.model, form.data)
    before = [np.array(v) for v in form.model.weights]
    found = run(workload)
    for group in groups_of(workload.sites):
        for part in group.parts:
            if part.role == "takes" and part.path in found:
                along = found[part.path].slopes.along[part.axis]
                assert along.shape[1] == found[part.path].shape[part.axis]
                assert np.isfinite(along).all()
                assert along.any()
    for old, new in zip(before, form.model.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_without_a_loss_nothing_is_known():
    x = keras.Input((12,))
    hidden = keras.layers.Dense(4, "relu", name="hidden")(x)
    model = keras.Model(x, keras.layers.Dense(3, "softmax", name="head")(hidden))
    own = open_workload(model, None)
    assert all(site.slopes is None for site in run(own).values())
