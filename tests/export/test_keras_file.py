"""The ``.keras`` file: plain Keras opens it, and its bytes are called by name."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from tests.export import nets
from workbench.core.compress import compress
from workbench.core.cost import sizes
from workbench.core.recipe import Recipe
from workbench.engine.live import LiveModel
from workbench.engine.workload import open_workload
from workbench.export.artifact import ExportJob, exporters


def test_plain_keras_says_what_was_simulated(tmp_path: Path) -> None:
    wish = nets.recipe()
    made = nets.network(wish)
    own = nets.workload()
    artifact = exporters["keras"](ExportJob(own, made, wish, tmp_path))
    assert artifact.bytes.provenance == "in file"
    assert artifact.bytes.value == artifact.path.stat().st_size
    live = LiveModel(own)
    live.assign(made)
    assert own.data.test is not None
    x = own.data.test.x[0][:32]
    again: Any = keras.saving.load_model(artifact.path)
    np.testing.assert_allclose(
        again.predict(x, verbose=0), live.predict(x), rtol=0, atol=1e-5
    )


def test_its_note_names_what_it_would_be_packed(tmp_path: Path) -> None:
    wish = nets.recipe(activation_bits=8)
    made = nets.network(wish)
    own = nets.workload()
    artifact = exporters["keras"](ExportJob(own, made, wish, tmp_path))
    others = sum(values.size for values in own.others.values())
    packed = f"{sizes(made, others).packed.value:,.0f}"
    first, second = artifact.notes
    assert packed in first.text("en")
    assert packed in first.text("zh")
    assert second.key == "export.keras_activations"


def test_its_note_names_the_types_that_it_stores(tmp_path: Path) -> None:
    inputs = keras.Input((5,), name="numbers")
    hidden = keras.layers.Dense(4, "relu", dtype="float16", name="hidden")(inputs)
    outputs = keras.layers.Dense(3, dtype="mixed_float16", name="head")(hidden)
    own = open_workload(keras.Model(inputs, outputs), None)
    made = compress(own.sites, own.weights, Recipe(), digests=own.digests)
    note, *_ = exporters["keras"](ExportJob(own, made, Recipe(), tmp_path)).notes
    assert "as float16, float32," in note.text("en")
    assert "float16, float32" in note.text("zh")
