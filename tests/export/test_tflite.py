"""The ``.tflite`` files of a small net: what is in them, and what is said of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import case
from tests.export import nets
from tests.export.tensor_parity import compare_tensors
from workbench.core.codes import Affine
from workbench.core.compress import compress
from workbench.core.errors import UserError
from workbench.core.network import Network
from workbench.core.recipe import Choice, Plan, Recipe, Retraining
from workbench.engine.workload import Workload, open_workload
from workbench.export.artifact import Artifact, ExportJob, check_formats, exporters
from workbench.export.flat_model import FlatModel
from workbench.export.packing import INT2, INT4
from workbench.export.run import Runtime

L = keras.layers
pytestmark = pytest.mark.slow
STORED = (INT2, INT4, np.dtype(np.int8), np.dtype(np.int16))


def export(name: str, wish: Recipe, made: Network, folder: Path) -> Artifact:
    """The file of one exporter."""
    return exporters[name](ExportJob(nets.workload(), made, wish, folder))


def keys(artifact: Artifact) -> dict[str, dict[str, object]]:
    """Notes by key."""
    return {note.key: dict(note.values) for note in artifact.notes}


def test_full_int8_is_what_was_simulated(tmp_path: Path) -> None:
    wish = nets.recipe(activation_bits=8)
    made = nets.network(wish)
    artifact = export("tflite-int8", wish, made, tmp_path)
    assert artifact.agreement is not None
    assert artifact.agreement >= 0.999
    assert artifact.score is not None
    assert artifact.score.provenance == "measured"
    assert artifact.score.seen == artifact.score.total == nets.SAMPLES
    assert artifact.bytes.value == artifact.path.stat().st_size
    assert artifact.latency_ms is not None
    assert artifact.latency_ms.value > 0
    # Inside a separable convolution nothing is rounded in the simulation.
    operators = keys(artifact)["export.float_operators"]
    assert operators["operators"] == "CONV_2D, DEPTHWISE_CONV_2D"
    with Runtime(artifact.path) as runtime:
        rows = compare_tensors(nets.workload(), made, runtime, (0,))
    assert [row.path for row in rows] == list(made.activations)
    assert max(row.largest_steps for row in rows) <= 2
    # From the transposed convolution on a few values fall on the neighbouring step.
    first = [row.path for row in rows].index("transposed/output")
    assert min(row.equal for row in rows[:first]) > 0.999


def test_every_width_says_how_it_is_stored(tmp_path: Path) -> None:
    wish = nets.recipe(
        Plan("conv/*", (Choice.of("uniform", bits=5),)),
        Plan("separable/*", (Choice.of("uniform", bits=3),)),
        Plan("depthwise/*", (Choice.of("uniform", bits=8, symmetric=False),)),
        Plan("pointwise/*", (Choice.of("uniform", bits=12),)),
        Plan("dense/*", (Choice.of("uniform", bits=12, granularity="tensor"),)),
        Plan("scores/*", (Choice("uniform", (), is_off=True),)),
        activation_bits=8,
    )
    made = nets.network(wish)
    artifact = export("tflite-exact", wish, made, tmp_path)
    assert artifact.agreement == 1.0
    notes = keys(artifact)
    assert "export.activations_float" in notes
    assert notes["export.stored_as_8"]["paths"] == "conv/kernel"
    paths = str(notes["export.stored_as_4"]["paths"]).split(", ")
    assert {path.partition("/")[0] for path in paths} == {"separable"}
    assert notes["export.stored_as_16"]["paths"] == "dense/kernel"
    assert notes["export.left_float"]["paths"] == "pointwise/kernel"
    assert notes["export.not_quantized"]["paths"] == "scores/kernel"
    for note in artifact.notes:
        assert note.text("en") != note.text("zh")
    dense = made.tensors["dense/kernel"].dense
    assert any(same_values(dense, v) for v in stored(artifact.path))


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize(
    "knobs",
    [{}, {"symmetric": False}, {"granularity": "tensor"}],
    ids=["channels", "zero points", "tensor"],
)
def test_few_bits_are_stored_as_few_and_run_as_simulated(
    knobs: dict[str, Any], bits: int, tmp_path: Path
) -> None:
    wish = nets.recipe(Plan("*", (Choice.of("uniform", bits=bits, **knobs),)))
    made = nets.network(wish)
    artifact = export("tflite-exact", wish, made, tmp_path)
    assert artifact.agreement == 1.0
    assert artifact.largest_gap is not None
    assert artifact.largest_gap < 1e-5
    assert artifact.types is not None
    weights = sum(tensor.dense.size for tensor in made.tensors.values())
    assert artifact.types[f"int{bits}"] == weights
    assert not keys(artifact).keys() & {"export.stored_as_4", "export.stored_as_8"}
    # No BatchNorm is folded into this one.
    dense = made.tensors["dense/kernel"].dense
    assert any(same_values(dense, values) for values in stored(artifact.path))


@pytest.mark.parametrize("bits", [2, 4])
def test_few_bits_are_stored_as_few_where_activations_are_rounded(
    bits: int, tmp_path: Path
) -> None:
    wish = nets.recipe(Plan("*", (Choice.of("uniform", bits=bits),)))
    made = nets.network(wish)
    artifact = export("tflite", wish, made, tmp_path)
    assert artifact.types is not None
    assert "int8" not in artifact.types
    assert "dense/kernel" in str(keys(artifact)["export.dynamic"]["paths"])
    assert artifact.agreement is not None
    assert artifact.agreement > 0.97
    dense = made.tensors["dense/kernel"].dense
    assert any(same_values(dense, values) for values in stored(artifact.path))


def stored(path: Path) -> list[np.ndarray]:
    """Integer constants of a file as reals."""
    model = FlatModel(path.read_bytes())
    found = []
    for graph in model.graphs:
        for index, tensor in enumerate(graph.tensors):
            values, grid = model.constant(graph, index), tensor.quantization
            if values is None or values.dtype not in STORED:
                continue
            values = values.astype(np.int32)
            shape = [1] * values.ndim
            shape[grid.quantizedDimension] = -1
            shape = shape if len(grid.scale) > 1 else []
            scale = np.reshape(grid.scale, shape)
            zero_point = np.reshape(grid.zeroPoint, shape)
            found.append(((values - zero_point) * scale).astype(np.float32))
    return found


def same_values(one: np.ndarray, two: np.ndarray) -> bool:
    """Whether two tensors hold the same values, in any order."""
    if one.size != two.size:
        return False
    return np.allclose(np.sort(one.ravel()), np.sort(two.ravel()), rtol=1e-5, atol=0)


def test_a_recurrent_file_holds_the_integers_of_the_simulation(tmp_path: Path) -> None:
    form = case("gru")
    own = open_workload(form.model, form.data)
    wish = nets.recipe()
    made = compress(own.sites, own.weights, wish, digests=own.digests)
    artifact = exporters["tflite"](ExportJob(own, made, wish, tmp_path))
    assert artifact.agreement == 1.0
    assert "export.one_sample" in keys(artifact)
    values = stored(artifact.path)
    for tensor in made.tensors.values():
        assert isinstance(tensor.code, Affine)
        assert any(same_values(tensor.dense, v) for v in values)


def test_a_model_of_other_bits_becomes_a_file_of_the_same_integers(
    tmp_path: Path,
) -> None:
    data = case("gru").data
    x = keras.Input((6, 4))
    y = L.GRU(4, dtype="mixed_float16", name="gru")(x)
    y = L.Dense(5, "relu", dtype="float16", name="hidden")(y)
    y = L.Dense(5, "relu", dtype="float64", name="wide")(y)
    y = L.Dense(3, "softmax", dtype="bfloat16", name="head")(y)
    workload = open_workload(keras.Model(x, y), data)
    wish = Recipe((Plan("*", (Choice.of("uniform", bits=8),)),))
    made = compress(workload.sites, workload.weights, wish, digests=workload.digests)
    artifact = exporters["tflite"](ExportJob(workload, made, wish, tmp_path))
    assert "export.left_float" not in keys(artifact)
    assert artifact.agreement is not None
    assert artifact.agreement >= 0.95


def test_several_outputs_of_one_number_keep_their_order_and_values(
    tmp_path: Path,
) -> None:
    keras.utils.set_random_seed(1)
    left, right = keras.Input((5,), name="left"), keras.Input((4,), name="right")
    y = L.Dense(8, "relu", name="hidden")(L.Concatenate()([left, right]))
    heads = {name: L.Dense(1, name=name)(y) for name in ("one", "three", "two")}
    model = keras.Model({"left": left, "right": right}, heads)
    rng = np.random.default_rng(0)
    sizes = {"left": 5, "right": 4}
    data = {f"x_test_{k}": rng.normal(size=(40, n)) for k, n in sizes.items()}
    data["y_test"] = np.zeros(40)
    workload = open_workload(model, data, metric=lambda _, said: said[0][:, 0])
    wish = Recipe((Plan("*", (Choice.of("uniform", bits=8),)),))
    made = compress(workload.sites, workload.weights, wish, digests=workload.digests)
    artifact = exporters["tflite-exact"](ExportJob(workload, made, wish, tmp_path))
    assert artifact.largest_gap is not None
    assert artifact.largest_gap < 1e-5
    assert "export.left_float" not in keys(artifact)


def test_a_loop_is_refused_in_full_int8(tmp_path: Path) -> None:
    form = case("gru")
    own = open_workload(form.model, form.data)
    wish = nets.recipe(activation_bits=8)
    made = compress(own.sites, own.weights, wish, digests=own.digests)
    made = replace(made, activations=nets.network(wish).activations)
    with pytest.raises(UserError) as caught:
        exporters["tflite-int8"](ExportJob(own, made, wish, tmp_path))
    assert caught.value.key == "export.loop"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("bits", "key"), [(None, "export.no_activations"), (6, "export.activation_bits")]
)
def test_full_int8_needs_activations_of_8_bits(
    bits: int | None, key: str, tmp_path: Path
) -> None:
    wish = nets.recipe(activation_bits=bits)
    with pytest.raises(UserError) as caught:
        export("tflite-int8", wish, nets.network(wish), tmp_path)
    assert caught.value.key == key


def looking_up() -> Workload:
    """A model that LiteRT has no form for."""
    x = keras.Input((3,), dtype="int64", name="numbers")
    y = L.IntegerLookup(vocabulary=[4, 5, 6])(x)
    y = L.Flatten()(L.Embedding(4, 2, name="table")(y))
    model = keras.Model(x, L.Dense(2, "softmax", name="head")(y))
    rng = np.random.default_rng(0)
    numbers, classes = rng.integers(4, 7, (20, 3)), rng.integers(0, 2, 20)
    return open_workload(model, (numbers, classes, numbers, classes))


def test_a_table_is_refused_in_one_sentence(tmp_path: Path) -> None:
    own = looking_up()
    made = compress(own.sites, own.weights, Recipe(), digests=own.digests)
    with pytest.raises(UserError) as caught:
        exporters["tflite"](ExportJob(own, made, Recipe(), tmp_path))
    assert caught.value.key == "export.unsupported"
    assert "LookupTable" in str(caught.value)


def test_what_litert_lacks_is_said_before_a_retraining() -> None:
    own = looking_up()
    for name in ("tflite", "tflite-exact"):
        check_formats([name], own, Recipe())
        with pytest.raises(UserError) as caught:
            check_formats([name], own, Recipe(retraining=Retraining()))
        assert caught.value.key == "export.unsupported"
