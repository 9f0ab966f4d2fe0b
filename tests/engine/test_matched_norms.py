"""BatchNorm re-estimation, against the statistics of the models that are built."""

import keras
import numpy as np
import pytest

from tests.chain.models import case, predict
from workbench.core.edit import set_knobs, set_repair
from workbench.core.recipe import Recipe
from workbench.engine.compressed_inputs import CompressedInputs
from workbench.engine.realize import realize
from workbench.session import Session

L = keras.layers
PRUNED = set_knobs(Recipe(), "magnitude", sparsity=0.6, scope="tensor")
MATCHED = set_knobs(PRUNED, "batch_norm")


def drained(work):
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def two_norms():
    """Two BatchNorm layers whose statistics are not those of the data."""
    keras.utils.set_random_seed(3)
    x = given = keras.Input((8, 8, 2))
    for name, filters in (("one", 6), ("two", 5)):
        x = L.Conv2D(filters, 3, name=name)(x)
        x = L.BatchNormalization(name=f"{name}_norm")(x)
        x = L.ReLU()(x)
    model = keras.Model(given, L.Dense(3, "softmax")(L.Flatten()(x)))
    rng = np.random.default_rng(4)
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            gamma, beta, *_ = layer.get_weights()
            mean, variance = (
                rng.normal(size=beta.shape),
                rng.uniform(0.5, 2, beta.shape),
            )
            layer.set_weights([gamma, beta, mean, variance])
    x = rng.normal(1, 2, (150, 8, 8, 2)).astype(np.float32)
    y = predict(model, x).argmax(1)
    data = {"x_train": x, "y_train": y, "x_test": x[:40], "y_test": y[:40]}
    return model, data


@pytest.fixture(scope="module")
def session():
    opened = Session(*two_norms(), is_kept=False)
    yield opened
    opened.close()


def seen(model, name, x):
    """Mean and deviation of what a layer gives."""
    layer = model.get_layer(name)
    given = predict(keras.Model(model.inputs, layer.output), x)
    return given.mean((0, 1, 2)), given.std((0, 1, 2))


def test_each_gives_what_it_gave_on_average(session):
    x = session.workload.data.train.x[0]
    gaps = {}
    for recipe in (PRUNED, MATCHED):
        session.edit(recipe)
        made = realize(session.workload, session.before.network)
        for name in ("one_norm", "two_norm"):
            pairs = zip(
                seen(session.workload.model, name, x), seen(made, name, x), strict=True
            )
            gaps[recipe, name] = max(np.abs(a - b).max() for a, b in pairs)
    assert gaps[PRUNED, "one_norm"] > 0.1
    assert gaps[MATCHED, "one_norm"] < 1e-3
    # Each batch was matched by itself, all samples are here.
    assert gaps[MATCHED, "two_norm"] < 0.1 * gaps[PRUNED, "two_norm"]


def test_kernels_and_what_lies_before_a_change_stay(session):
    session.edit(PRUNED)
    plain = session.before.network
    session.edit(set_knobs(Recipe(), "batch_norm"))
    assert not session.before.network.others
    recipe = set_knobs(Recipe(), "magnitude", "two/kernel", sparsity=0.6)
    session.edit(set_knobs(recipe, "batch_norm"))
    assert set(session.before.network.others) == {
        "two_norm/moving_mean",
        "two_norm/moving_variance",
    }
    session.edit(MATCHED)
    matched = session.before.network
    assert matched.digests == plain.digests
    assert len(matched.others) == 4


def test_variance_is_never_negative(session):
    recipe = set_knobs(Recipe(), "magnitude", "one/kernel", sparsity=0.999)
    session.edit(set_knobs(recipe, "batch_norm"))
    others = session.before.network.others
    assert (others["one_norm/moving_variance"] >= 0).all()
    assert all(np.isfinite(values).all() for values in others.values())


def test_what_is_saved_has_the_new_statistics(session, tmp_path):
    session.edit(MATCHED)
    session.save(tmp_path / "out", ("keras",))
    opened = keras.saving.load_model(tmp_path / "out" / "model.keras")
    assert isinstance(opened, keras.Model)
    for path, values in session.before.network.others.items():
        layer, _, name = path.partition("/")
        found = getattr(opened.get_layer(layer), name)
        np.testing.assert_array_equal(np.asarray(found), values)


def test_a_repair_in_turn_sees_what_was_matched(session):
    session.edit(PRUNED)
    network = session.before.network
    gaps = []
    for is_matched in (False, True):
        inputs = CompressedInputs(
            session.workload, session.sites, is_matched=is_matched
        )
        (stage,) = (s for s in inputs.stages(inputs.order) if "two/kernel" in s)
        gram = drained(inputs.grams(stage, network))["two/kernel"]
        (given,) = (s.gram for s in session.sites if s.path == "two/kernel")
        gaps.append(np.abs(given.mean - gram.mean).max())
    # Other rows are drawn than for the moments of the original.
    assert gaps[1] < 0.5 * gaps[0]


def test_repair_may_come_before(session):
    repaired = set_knobs(set_repair(PRUNED, is_on=True), "batch_norm")
    x = session.workload.data.train.x[0]
    aim = predict(session.workload.model, x)
    errors = []
    for recipe in (PRUNED, repaired):
        session.edit(recipe)
        made = predict(realize(session.workload, session.before.network), x)
        errors.append(np.square(made - aim).mean())
    assert errors[1] < errors[0]


@pytest.mark.parametrize("name", ["residual", "separable", "nested", "gru"])
def test_a_model_of_any_form_is_taken(name):
    form = case(name)
    session = Session(form.model, form.data, is_kept=False)
    session.edit(MATCHED)
    others = session.before.network.others or {}
    has_norm = any("moving_mean" in path for path in session.workload.others)
    assert any("moving_mean" in path for path in others) == has_norm
    session.close()


def test_a_layer_that_is_called_twice_and_masks_are_minded():
    rng = np.random.default_rng(5)
    given = keras.Input((4, 3))
    norm = L.BatchNormalization(name="norm")
    x = L.Masking()(given)
    x = norm(L.Dense(3, name="first")(x))
    x = norm(L.Dense(3, name="second")(x))
    model = keras.Model(given, L.Dense(2, "softmax")(L.GlobalAveragePooling1D()(x)))
    values = rng.normal(size=(64, 4, 3)).astype(np.float32)
    values[:, 2:] = 0
    y = rng.integers(0, 2, 64)
    data = {"x_train": values, "y_train": y, "x_test": values, "y_test": y}
    session = Session(model, data, is_kept=False)
    session.edit(MATCHED)
    network = session.before.network
    inputs = CompressedInputs(session.workload, session.sites, is_matched=True)
    again = drained(inputs.norms(network))
    assert set(again) == {"norm/moving_mean", "norm/moving_variance"}
    rows = values[:, :2] @ np.asarray(network.tensors["first/kernel"].dense)
    assert np.isfinite(rows).all()
    session.close()


def test_without_training_data_the_reason_is_said():
    model, data = two_norms()
    test = {name: values for name, values in data.items() if "test" in name}
    session = Session(model, test, is_kept=False)
    session.edit(MATCHED)
    reasons = {(one.step, one.reason) for one in session.before.network.skipped}
    assert ("batch_norm", "repair.not_calibrated") in reasons
    assert not session.before.network.others
    session.close()
