"""The whole chain for every form of model, in Python and on the command line.

Open, look, slide, evaluate, retrain, save, and open again in plain Keras with the same
score.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.forms import KERAS_2_FILE
from tests.chain.models import accuracy, case
from workbench.cli import main
from workbench.core.edit import set_knobs
from workbench.core.measurement import Measurement
from workbench.core.network import Network
from workbench.core.recipe import Recipe, Retraining
from workbench.core.snapshot import Outcome
from workbench.session import Session

FORMS = (
    "nested",
    "shared",
    "residual",
    "bidirectional",
    "two_inputs",
    "sequence",
    "subclassed",
    "keras2",
)
# What a recipe over all kernels skips; the README repeats it.
SKIPPED = dict.fromkeys(FORMS, 0)

SLID = set_knobs(
    set_knobs(Recipe(), "magnitude", sparsity=0.5, scope="tensor"),
    "uniform",
    bits=6,
    range="mse",
)
RETRAINING = Retraining(epochs=1, batch_size=32)


@pytest.fixture(scope="module", params=FORMS)
def form(request, tmp_path_factory):
    """A form's name, its model file, its data file and its arrays."""
    given = case(request.param)
    folder = tmp_path_factory.mktemp(given.name)
    model = KERAS_2_FILE
    if given.name != "keras2":
        model = folder / f"{given.name}.keras"
        given.model.save(model)
    np.savez(folder / "data.npz", allow_pickle=False, **given.data)
    return given, model, folder / "data.npz"


def plain_accuracy(path: Path, arrays) -> float:
    """The score of a file in plain Keras."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model: Any = keras.saving.load_model(path, compile=False)
        return accuracy(model, arrays)


def outcome(value: object) -> tuple[Network, Measurement]:
    """A network that is measured on every test sample, and that measurement."""
    assert isinstance(value, Outcome)
    assert value.measurement is not None
    assert value.measurement.is_exact
    assert not value.is_stale
    return value.network, value.measurement


def test_a_session_goes_the_whole_way(form, tmp_path):
    given, model, data = form
    session = Session(model, data, is_kept=False)
    assert session.original.score == pytest.approx(accuracy(given.model, given.data))
    assert set(session.weights) == {site.path for site in session.sites}
    assert all(site.can and site.macs for site in session.sites)

    session.edit(SLID)
    before, _ = outcome(session.before)
    assert {tensor.bits for tensor in before.tensors.values()} == {6}
    assert before.sparsity >= 0.499
    assert len(before.skipped) == SKIPPED[given.name]

    session.retrain(RETRAINING)
    after, measured = outcome(session.after)
    for path, tensor in after.tensors.items():
        mask = before.tensors[path].mask
        assert mask is not None
        assert not tensor.dense[~mask].any()

    session.save(tmp_path / "out", ("keras",))
    (file,) = session.saved.artifacts
    assert file.score.score == measured.score
    assert plain_accuracy(file.path, given.data) == pytest.approx(measured.score)


def test_the_command_line_goes_the_whole_way(form, tmp_path, capsys):
    given, model, data = form

    def run(*words):
        assert main([str(word) for word in (*words, "--json")]) == 0
        return json.loads(capsys.readouterr().out)

    look = run("doctor", model)
    for tensor in look["tensors"]:
        assert tensor["can"] == (tensor["kind"] != "none")
    out = tmp_path / "out"
    options = "--sparsity 0.5 --bits 6 --retrain 1 --batch-size 32 --formats keras"
    done = run("compress", model, "--data", data, "--out", out, *options.split())
    paths = [tensor["path"] for tensor in done["tensors"]]
    assert paths == [one["path"] for one in look["tensors"] if one["can"]]
    skipped = [tensor for tensor in done["tensors"] if tensor["skipped"]]
    assert len(skipped) == SKIPPED[given.name]
    (file,) = done["files"]
    again = run("evaluate", file["path"], "--data", data)
    assert again["score"] == file["score"] == done["after"]["score"]
