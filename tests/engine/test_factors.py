"""Products of factors: smaller layers, trained and saved as factors."""

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.chain.models import CASES, case, inputs
from workbench.core.checkpoint import from_arrays, to_arrays
from workbench.core.codes import Affine, LowRank
from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe, Retraining
from workbench.engine.layers import clone, custom_objects, variables
from workbench.engine.live import LiveModel
from workbench.engine.moments import MomentCalibrator
from workbench.engine.realize import realize, realized
from workbench.engine.student import Student
from workbench.engine.trainer import Trainer
from workbench.engine.workload import open_workload

L = keras.layers
# Every form, and what stays a product in it.
WHOLE = {
    "nested": {},
    "shared": {},
    "residual": {},
    "bidirectional": dict.fromkeys(
        [f"both_ways/{way}_lstm/recurrent_kernel" for way in ("forward", "backward")],
        "low_rank.no_layers",
    ),
    "two_inputs": {},
    "sequence": {"lstm/recurrent_kernel": "low_rank.no_layers"},
    "subclassed": dict.fromkeys(
        ["block/dense/kernel", "block/dense_1/kernel", "dense/kernel", "head/kernel"],
        "low_rank.inside",
    ),
    "gru": {"gru/recurrent_kernel": "low_rank.no_layers"},
    "separable": {},
    "conv1d": {},
    "embedding": {},
    "attention": dict.fromkeys(
        [
            f"attention/{name}/kernel"
            for name in ("query", "key", "value", "attention_output")
        ],
        "low_rank.inside",
    ),
    "half": {},
}
BOTH = (Choice.of("svd", rank=0.6),)


def opened(name: str) -> Any:
    return open_workload(case(name).model, case(name).data)


def network_of(workload: Any, *choices: Choice, sites: Any = None) -> Any:
    biases = {path: np.asarray(v) for path, v in workload.others.items()}
    return compress(
        sites or workload.sites,
        workload.weights,
        Recipe((Plan("*", choices),)),
        digests=workload.digests,
        biases=biases,
    )


def said(model: Any, name: str) -> Any:
    x = inputs(case(name).model, case(name).data, "test")
    x = [part[:24] for part in x] if isinstance(x, list) else x[:24]
    return np.asarray(model(x), np.float32)


def simulated(workload: Any, network: Any, name: str) -> Any:
    """What the original's own layers say with the network's products."""
    model = clone(workload.model)
    places = variables(model)
    values = {path: tensor.dense for path, tensor in network.tensors.items()}
    for path, value in (values | dict(network.others or {})).items():
        places[path].assign(value)
    return said(model, name)


@pytest.mark.parametrize("name", WHOLE)
def test_smaller_layers_compute_what_is_simulated(name: str, tmp_path: Any) -> None:
    workload = opened(name)
    network = network_of(workload, *BOTH)
    products = {p for p, t in network.tensors.items() if isinstance(t.code, LowRank)}
    assert products
    found = realized(workload, network)
    assert {one.path: one.reason for one in found.whole} == {
        path: reason for path, reason in WHOLE[name].items() if path in products
    }
    smaller = products - set(WHOLE[name])
    count = sum(np.size(v) for v in variables(workload.model).values())
    saved = sum(
        t.dense.size - sum(f.dense.size for f in t.code.factors)
        for t in (network.tensors[path] for path in smaller)
    )
    assert sum(np.size(v) for v in variables(found.model).values()) == count - saved
    assert (saved > 0) == bool(smaller)
    tolerance = 2e-2 if name == "half" else 1e-5
    expected = simulated(workload, network, name)
    np.testing.assert_allclose(said(found.model, name), expected, atol=tolerance)
    found.model.save(tmp_path / "model.keras")
    with keras.saving.custom_object_scope(custom_objects(workload.model)):
        again: Any = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(said(again, name), expected, atol=tolerance)


def convolutions(stride: int, padding: str, dilation: int) -> keras.Model:
    keras.utils.set_random_seed(5)
    x = keras.Input((8, 8, 3), name="picture")
    y = L.Conv2D(
        12,
        (3, 2),
        strides=stride,
        padding=padding,
        dilation_rate=dilation,
        activation="relu",
        name="window",
    )(x)
    y = L.Conv2D(10, 1, strides=2, activation="tanh", name="point")(y)
    y = L.EinsumDense("bhwc,cde->bhwde", (None, None, 4, 5), bias_axes="e", name="mix")(
        y
    )
    y = L.EinsumDense("bhwde,def->bhwf", (None, None, 6), name="back")(y)
    return keras.Model(
        x, L.Dense(3, name="head")(L.GlobalAveragePooling2D(name="mean")(y))
    )


@pytest.mark.parametrize("step", ["svd", "tucker"])
@pytest.mark.parametrize(
    ("stride", "padding", "dilation"), [(1, "same", 1), (2, "valid", 1), (1, "same", 2)]
)
def test_strides_padding_and_activations_are_right(
    step: str, stride: int, padding: str, dilation: int
) -> None:
    model = convolutions(stride, padding, dilation)
    x = np.random.default_rng(1).normal(size=(20, 8, 8, 3)).astype(np.float32)
    workload = open_workload(model, (x, np.arange(20) % 3))
    network = network_of(workload, Choice.of(step, rank=0.5, scope="tensor"))
    found = realized(workload, network)
    assert found.whole == ()
    live = LiveModel(workload)
    live.assign(network)
    np.testing.assert_allclose(
        np.array(found.model(x)), np.asarray(live.predict([x])), atol=1e-5
    )
    kinds = [type(v).__name__ for v in found.model.layers]
    assert kinds.count("Sequential") == (1 if step == "tucker" else 5)


def test_factors_are_retrained_as_factors_and_kept_so(tmp_path: Any) -> None:
    workload = opened("dense")
    calibrator = MomentCalibrator(workload)
    for _ in calibrator.run(64):
        pass
    choices = (
        Choice.of("svd", rank=0.7),
        Choice.of("magnitude", sparsity=0.3),
        Choice.of("uniform", bits=6),
    )
    network = network_of(workload, *choices, sites=calibrator.sites)
    recipe = Recipe((Plan("*", choices),))
    quick = Retraining(epochs=1, learning_rate=0.003, batch_size=32)
    *_, last = Trainer(workload).run(network, quick, recipe=recipe)
    assert last.best is not None
    best = from_arrays(to_arrays(last.best))
    for path, tensor in best.network.tensors.items():
        before = network.tensors[path].code
        if not isinstance(before, LowRank):
            continue
        assert isinstance(tensor.code, LowRank)
        assert best.network.digests[path] != network.digests[path]
        np.testing.assert_array_equal(tensor.code.decode(), tensor.dense)
        for old, new in zip(before.factors, tensor.code.factors, strict=True):
            assert isinstance(new.code, Affine)
            assert old.dense.shape == new.dense.shape
            np.testing.assert_array_equal(old.mask, new.mask)
    found = realized(workload, best.network)
    assert found.whole == ()
    np.testing.assert_allclose(
        said(found.model, "dense"),
        simulated(workload, best.network, "dense"),
        atol=1e-5,
    )
    *_, again = Trainer(workload).run(
        network, quick, recipe=recipe, start=dataclasses.replace(best)
    )
    assert again.best is not None
    assert again.best.network.digest != best.network.digest


def test_the_slopes_of_factors_are_those_of_smaller_layers() -> None:
    """One step of plain descent on the product's factors and on the two layers."""
    workload = opened("dense")
    network = network_of(workload, Choice.of("svd", rank=0.8))
    code = network.tensors["hidden/kernel"].code
    assert isinstance(code, LowRank)
    student = Student(workload, network, None, 0)
    kernel = student.kernels["hidden/kernel"]
    x = tf.constant(case("dense").data["x_test"][:16])
    projection = kernel.project()
    with tf.GradientTape() as tape:
        tape.watch(kernel.variable)
        loss = tf.reduce_sum(tf.square(student([x], training=False)))
    outer: Any = tape.gradient(loss, kernel.variable)
    slopes = kernel.gradients(outer, projection)
    model = realize(workload, network)
    parts = [
        v for p, v in variables(model).items() if "hidden_factor" in p and "kernel" in p
    ]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(model(x)))
    expected: Any = tape.gradient(loss, parts)
    for slope, other in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(
            np.asarray(slope), other.numpy(), rtol=2e-3, atol=1e-4
        )


def test_every_form_is_looked_at() -> None:
    assert set(WHOLE) | {"dense", "keras2", "transposed", "frozen"} == set(CASES)
