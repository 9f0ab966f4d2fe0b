"""What every kernel sees, against the layer's own arithmetic."""

import keras
import numpy as np
import pytest

from workbench.core.compress import compress
from workbench.core.layout import Layout
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.engine import moments
from workbench.engine.layers import variables
from workbench.engine.moments import MomentCalibrator
from workbench.engine.realize import realize
from workbench.engine.workload import open_workload

L = keras.layers
RNG = np.random.default_rng(0)
MIXED = RNG.normal(size=(4, 4)).astype(np.float32)
PICTURES = RNG.normal(size=(96, 8, 8, 4)).astype(np.float32) @ MIXED
SERIES = RNG.normal(size=(96, 9, 4)).astype(np.float32) @ MIXED

LAYERS = {
    "dense": (SERIES, lambda: L.Dense(5, name="own"), ["kernel"]),
    "conv": (PICTURES, lambda: L.Conv2D(3, 3, 2, "same", name="own"), ["kernel"]),
    "dilated": (
        PICTURES,
        lambda: L.Conv2D(3, (2, 3), dilation_rate=2, name="own"),
        ["kernel"],
    ),
    "grouped": (PICTURES, lambda: L.Conv2D(4, 3, groups=2, name="own"), ["kernel"]),
    "causal": (
        SERIES,
        lambda: L.Conv1D(3, 3, padding="causal", name="own"),
        ["kernel"],
    ),
    "depthwise": (
        PICTURES,
        lambda: L.DepthwiseConv2D(3, depth_multiplier=2, name="own"),
        ["kernel"],
    ),
    "separable": (
        PICTURES,
        lambda: L.SeparableConv2D(5, 3, name="own"),
        ["depthwise_kernel", "pointwise_kernel"],
    ),
    "einsum": (
        SERIES,
        lambda: L.EinsumDense("abc,cde->abde", (9, 2, 3), bias_axes="de", name="own"),
        ["kernel"],
    ),
    "lstm": (SERIES, lambda: L.LSTM(3, name="own"), ["kernel", "recurrent_kernel"]),
    "gru": (SERIES, lambda: L.GRU(3, name="own"), ["kernel", "recurrent_kernel"]),
    "back": (
        SERIES,
        lambda: L.SimpleRNN(3, go_backwards=True, name="own"),
        ["kernel", "recurrent_kernel"],
    ),
}


def opened(name):
    x, make, kernels = LAYERS[name]
    keras.utils.set_random_seed(1)
    parts = [keras.Input(x.shape[1:]), make(), L.Flatten(), L.Dense(3, name="last")]
    model = keras.Sequential(parts)
    y = np.arange(len(x)) % 3
    return open_workload(model, (x, y, x[:8], y[:8])), [f"own/{k}" for k in kernels]


@pytest.fixture(autouse=True)
def _every_row(monkeypatch):
    monkeypatch.setattr(moments, "MOST_ROWS", 10**6)


def seen(workload):
    calibrator = MomentCalibrator(workload)
    *_, done = calibrator.run()
    assert done == 1.0
    return {site.path: site for site in calibrator.sites}


@pytest.mark.parametrize("name", LAYERS)
def test_every_kernel_is_seen_in_the_right_order(name):
    workload, kernels = opened(name)
    found = seen(workload)
    for path in kernels:
        gram = found[path].gram
        assert gram is not None, found[path].unseen
        layout = Layout.of(found[path], len(gram.moments))
        assert gram.moments.shape[1:] == (layout.inputs_count, layout.inputs_count)
        np.testing.assert_allclose(
            gram.moments, gram.moments.transpose(0, 2, 1), atol=1e-4
        )


@pytest.mark.parametrize(
    "name", ["dense", "conv", "dilated", "grouped", "causal", "depthwise", "einsum"]
)
def test_the_mean_of_the_outputs_follows_from_that_of_the_inputs(name):
    workload, (path,) = opened(name)
    site = seen(workload)[path]
    gram = site.gram
    assert gram is not None
    layout = Layout.of(site, len(gram.moments))
    rows = np.einsum("gi,goi->go", gram.mean, layout.matrices(workload.weights[path]))
    layer = workload.model.get_layer("own")
    made = np.array(keras.ops.convert_to_numpy(layer(LAYERS[name][0])))
    outputs = rows.size
    bias = np.ravel(workload.others["own/bias"])
    wanted = made.reshape(-1, outputs).mean(0) - bias
    np.testing.assert_allclose(rows.ravel(), wanted, atol=2e-3)


def test_a_recurrent_kernel_sees_the_state_before_each_step():
    workload, _ = opened("lstm")
    gram = seen(workload)["own/recurrent_kernel"].gram
    assert gram is not None
    steps = L.LSTM(3, return_sequences=True)
    steps.build(SERIES.shape)
    steps.set_weights(workload.model.get_layer("own").get_weights())
    after = np.array(keras.ops.convert_to_numpy(steps(SERIES)))
    before = np.concatenate([0 * after[:, :1], after[:, :-1]], 1).reshape(-1, 3)
    np.testing.assert_allclose(gram.mean[0], before.mean(0), atol=1e-5)
    np.testing.assert_allclose(gram.moments[0], before.T @ before / 864, atol=1e-5)


def own_output(model, x):
    return np.array(keras.ops.convert_to_numpy(model.get_layer("own")(x)))


@pytest.mark.parametrize("name", LAYERS)
def test_a_repaired_model_is_nearer_to_the_original(name):
    workload, _ = opened(name)
    x = LAYERS[name][0]
    aim = own_output(workload.model, x)
    prune = Choice.of("magnitude", sparsity=0.4, scope="tensor")
    plans = [(prune,), (prune, Choice.of("reconstruct", damping=1e-4))]
    sites = tuple(seen(workload).values())
    errors = []
    for steps in plans:
        network = compress(
            sites,
            workload.weights,
            Recipe((Plan("own/*", steps),)),
            digests=workload.digests,
            biases=workload.others,
        )
        model = realize(workload, network)
        assert variables(model).keys() == variables(workload.model).keys()
        errors.append(np.square(own_output(model, x) - aim).mean())
    assert errors[1] < errors[0]


@pytest.mark.parametrize("make", [L.Conv2D, L.DepthwiseConv2D])
def test_batch_norm_takes_up_the_mean_where_there_is_no_bias(make):
    keras.utils.set_random_seed(1)
    own = make(*([4, 3] if make is L.Conv2D else [3]), use_bias=False, name="own")
    norm = L.BatchNormalization(name="norm")
    parts = [keras.Input((8, 8, 4)), own, norm, L.ReLU(), L.Flatten(), L.Dense(3)]
    model = keras.Sequential(parts)
    norm.set_weights([v + 0.1 * i for i, v in enumerate(norm.get_weights())])
    y = np.arange(len(PICTURES)) % 3
    x = PICTURES + 1
    workload = open_workload(model, (x, y, x[:8], y[:8]))
    sites = tuple(seen(workload).values())
    prune = Choice.of("magnitude", sparsity=0.4, scope="tensor")
    network = compress(
        sites,
        workload.weights,
        Recipe((Plan("own/*", (prune, Choice.of("reconstruct"))),)),
        digests=workload.digests,
        biases=workload.others,
    )
    aim, made = (
        np.array(keras.Model(m.inputs[0], m.get_layer("norm").output)(x))
        for m in (workload.model, realize(workload, network))
    )
    np.testing.assert_allclose(made.mean((0, 1, 2)), aim.mean((0, 1, 2)), atol=1e-3)


def test_what_cannot_be_seen_says_why():
    model = keras.Sequential(
        [keras.Input((4, 4, 2)), L.Conv2DTranspose(2, 2), L.Flatten(), L.Dense(2)]
    )
    x, y = np.ones((8, 4, 4, 2), np.float32), np.arange(8) % 2
    workload = open_workload(model, (x, y, x, y))
    first, last = seen(workload).values()
    assert first.gram is None
    assert first.unseen == "repair.unreachable"
    assert last.gram is not None
    recipe = Recipe((Plan("*", (Choice.of("reconstruct"),)),))
    network = compress(
        (first, last), workload.weights, recipe, digests=workload.digests
    )
    (skipped,) = network.skipped
    assert (skipped.path, skipped.reason) == (first.path, "repair.unreachable")


@pytest.mark.parametrize("name", ["conv", "lstm"])
def test_the_size_of_a_batch_changes_nothing(name, monkeypatch):
    workload, (path, *_) = opened(name)
    whole = seen(workload)[path].gram
    monkeypatch.setattr(moments, "LARGEST_BYTES", 2000)
    parts = seen(workload)[path].gram
    assert whole is not None
    assert parts is not None
    assert parts.count == whole.count
    np.testing.assert_allclose(parts.moments, whole.moments, atol=1e-4)
    np.testing.assert_allclose(parts.mean, whole.mean, atol=1e-4)


def test_where_room_is_short_the_widest_kernel_is_left_out(monkeypatch):
    workload, (path,) = opened("dense")
    widths = {site.path: Layout.of(site).inputs_count for site in workload.sites}
    assert widths == {path: 4, "last/kernel": 45}
    monkeypatch.setattr(moments, "BYTES", 4 * 45**2)
    found = seen(workload)
    assert found[path].gram is not None
    assert found["last/kernel"].gram is None
    assert found["last/kernel"].unseen == "repair.too_wide"


@pytest.mark.parametrize("name", ["conv", "dense", "lstm"])
def test_what_they_will_take_is_known_beforehand(name):
    workload, _ = opened(name)
    grams = [site.gram for site in seen(workload).values() if site.gram is not None]
    assert MomentCalibrator(workload).nbytes >= sum(g.moments.nbytes for g in grams) > 0
