"""Gates with settings of their own, from the recipe to the files and back."""

import json
import re
from typing import Any

import keras
import numpy as np
import pytest

from tests.chain.models import accuracy, case
from workbench.cli import main
from workbench.core.codes import Gates
from workbench.core.compress import compress
from workbench.core.edit import set_knobs, set_repair
from workbench.core.errors import UserError
from workbench.core.gates import gates_of, tensor_of
from workbench.core.recipe import Recipe, Retraining
from workbench.core.wish import Wish
from workbench.engine.layers import values_of, variables
from workbench.engine.workload import open_workload
from workbench.export.flat_model import FlatModel
from workbench.export.wbz import unpack
from workbench.session import Session

GATES = {"bidirectional": "ifco", "gru": "zrh", "cells": "ifco"}
FIRST = {"bidirectional": "f", "gru": "z", "cells": "f"}
FORMS = ("bidirectional", "gru")


def wish(gate, bits=3):
    recipe = set_knobs(Recipe(), "magnitude", sparsity=0.5, scope="tensor")
    recipe = set_repair(set_knobs(recipe, "uniform", bits=6), is_on=True)
    recipe = set_knobs(recipe, "magnitude", f"*[{gate}]", sparsity=0.75)
    return set_knobs(recipe, "uniform", f"*[{gate}]", bits=bits)


@pytest.fixture(scope="module", params=FORMS)
def done(request, tmp_path_factory):
    """A form, its session with gates set apart and retrained, and what was saved."""
    form = case(request.param)
    session = Session(form.model, form.data, is_kept=False)
    session.edit(wish(FIRST[form.name]))
    before = session.before
    session.retrain(Retraining(epochs=1, batch_size=32))
    folder = tmp_path_factory.mktemp("gates") / "out"
    session.save(folder, ("keras", "wbz", "tflite"))
    assert not session.status.is_error, session.status
    return form, session, before, folder


def tensor_at(network, site) -> Any:
    return tensor_of(network.tensors, site)


def recurrent(session):
    return [site for site in session.sites if site.kind == "recurrent"]


def test_each_kernel_has_the_gates_of_its_cell(done):
    form, session, _, _ = done
    for site in recurrent(session):
        assert "".join(site.gates) == GATES[form.name]
    assert not any(s.gates for s in session.sites if s.kind != "recurrent")


def test_each_gate_has_its_sparsity_and_bits_before_and_after_retraining(done):
    form, session, before, _ = done
    first = f"[{FIRST[form.name]}]"
    for site in recurrent(session):
        for gate in gates_of(site):
            is_own = gate.path.endswith(first)
            shares = []
            for outcome in (before, session.after):
                tensor = tensor_at(outcome.network, gate)
                assert tensor.bits == (3 if is_own else 6)
                shares.append(1 - tensor.mask.mean())
            assert shares == [0.75 if is_own else 0.5] * 2
    for path, tensor in session.after.network.tensors.items():
        assert not tensor.dense[~before.network.tensors[path].mask].any()


def test_retraining_moves_the_weights_and_scales_of_every_gate(done):
    _, session, before, _ = done
    for site in recurrent(session):
        for gate in gates_of(site):
            old = tensor_at(before.network, gate)
            new = tensor_at(session.after.network, gate)
            assert not np.array_equal(old.code.scale, new.code.scale)


def test_the_files_hold_what_was_simulated(done):
    form, session, _, folder = done
    network, measured = session.after.network, session.after.measurement
    again: Any = keras.saving.load_model(folder / "model.keras", compile=False)
    assert accuracy(again, form.data) == pytest.approx(measured.score)
    coded, _ = unpack((folder / "model.wbz").read_bytes())
    for model in (again, coded):
        found = variables(model)
        for path, tensor in network.tensors.items():
            np.testing.assert_array_equal(values_of(found[path]), tensor.dense)
    flat = FlatModel((folder / "model.tflite").read_bytes())
    for site in recurrent(session):
        values = np.sort(network.tensors[site.path].dense, axis=None)
        assert any(same(values, v) for v in integers(flat)), site.path


def integers(flat):
    """Integer constants of a file as reals."""
    for graph in flat.graphs:
        for index, tensor in enumerate(graph.tensors):
            values, grid = flat.constant(graph, index), tensor.quantization
            if values is not None and values.dtype == np.int8 and len(grid.scale) > 1:
                shape = [1] * values.ndim
                shape[grid.quantizedDimension] = -1
                yield (values * np.reshape(grid.scale, shape)).astype(np.float32)


def same(ordered, values):
    ours = np.sort(values, axis=None)
    return ours.shape == ordered.shape and np.allclose(ours, ordered, rtol=1e-5)


def test_the_resolved_recipe_and_the_report_tell_of_each_gate(done):
    form, session, _, folder = done
    resolved = json.loads((folder / "resolved.json").read_text("utf-8"))
    report = (folder / "report.html").read_text("utf-8")
    first = FIRST[form.name]
    for site in recurrent(session):
        (level,) = (one for one in resolved["tensors"] if one["path"] == site.path)
        bits = {one["path"][-2]: one["bits"] for one in level["gates"]}
        assert bits == {g: 3 if g == first else 6 for g in site.gates}
        assert f"{site.path}[{first}]" in report
    assert Recipe.from_json(resolved["recipe"]).plans == session.recipe.plans


def test_retraining_goes_on_from_gates(done):
    _, session, _, _ = done
    earlier = session.after.network
    session.retrain(Retraining(epochs=1, batch_size=32, start="latest"))
    assert not session.status.is_error
    for path, tensor in session.after.network.tensors.items():
        mask = earlier.tensors[path].mask
        assert not tensor.dense[~mask].any()
        assert isinstance(tensor.code, Gates) == isinstance(
            earlier.tensors[path].code, Gates
        )


def test_a_gate_is_selected_like_a_kernel():
    form = case("gru")
    session = Session(form.model, form.data, is_kept=False)
    session.select(("gru/kernel[r]", "gru/kernel[q]"))
    assert session.selection == ("gru/kernel[r]",)
    (site,) = session.snapshot().selected
    assert (site.path, site.shape) == ("gru/kernel[r]", (4, 6))


def test_a_bad_gate_is_said_and_harms_nothing():
    form = case("gru")
    session = Session(form.model, form.data, is_kept=False)
    before = session.before
    with pytest.raises(UserError) as caught:
        session.edit(set_knobs(Recipe(), "uniform", "gru/kernel[q]", bits=4))
    assert caught.value.key == "gate.unknown"
    assert session.before is before


def test_cells_in_a_wrapper_have_their_gates():
    x = keras.Input((6, 4), name="steps")
    cells = [keras.layers.LSTMCell(4, name="low"), keras.layers.GRUCell(3, name="high")]
    y = keras.layers.RNN(cells, name="stack")(x)
    shaped = keras.layers.Reshape((3, 1))(y)
    z = keras.layers.SimpleRNN(2, name="plain")(shaped)
    model = keras.Model(x, keras.layers.Dense(3, name="head")(z))
    own = open_workload(model, None)
    gates = {site.path: "".join(site.gates) for site in own.sites}
    assert gates == {
        "stack/low/kernel": "ifco",
        "stack/low/recurrent_kernel": "ifco",
        "stack/high/kernel": "zrh",
        "stack/high/recurrent_kernel": "zrh",
        "plain/kernel": "",
        "plain/recurrent_kernel": "",
        "head/kernel": "",
    }


def test_the_command_line_sets_a_gate(tmp_path, capsys):
    form = case("gru")
    model, data = tmp_path / "model.keras", tmp_path / "data.npz"
    form.model.save(model)
    arrays: Any = form.data
    np.savez(data, **arrays)

    def run(*words):
        code = main([str(word) for word in (*words, "--json")])
        said = capsys.readouterr()
        return code, said.out, said.err

    common = ("compress", model, "--data", data, "--formats", "keras")
    gate = ("--for", "*[z]", "bits=2", "--for", "*[z]", "sparsity=0.75")
    code, out, _ = run(*common, "--out", tmp_path / "out", "--bits", "5", *gate)
    assert code == 0
    found = {one["path"]: one for one in json.loads(out)["tensors"]}
    kernel = found["gru/recurrent_kernel"]
    assert [one["bits"] for one in kernel["gates"]] == [2, 5, 5]
    assert kernel["gates"][0]["sparsity"] >= 0.7
    assert "gates" not in found["head/kernel"]

    bad = (*common, "--out", tmp_path / "no", "--for")
    code, _, err = run(*bad, "gru/kernel[q]", "bits=2")
    assert code == 2
    assert re.search(r"must be one of z, r, h. Received: gru/kernel\[q\]\.", err)
    for words in ("bits", "colour=2", "bits="):
        code, _, err = run(*bad, "*[z]", words)
        assert code == 2
        assert f"Received: {words}." in err
    assert not (tmp_path / "no").exists()
    _, out, _ = run("doctor", model)
    doctor = {one["path"]: one for one in json.loads(out)["tensors"]}
    assert doctor["gru/kernel"]["gates"] == ["z", "r", "h"]


def test_a_wish_leaves_a_gate_its_own_setting():
    form = case("gru")
    session = Session(form.model, form.data, is_kept=False)
    own = {"sparsity": 0.25, "scope": "tensor"}
    recipe = set_knobs(Recipe(wish=Wish(sparsity=0.6)), "magnitude", "*[h]", **own)
    session.edit(recipe)
    for site in (gate for kernel in recurrent(session) for gate in gates_of(kernel)):
        mask = tensor_at(session.before.network, site).mask
        if site.path.endswith("[h]"):
            assert 1 - mask.mean() == pytest.approx(0.25, abs=0.02)


def test_an_error_is_one_sentence():
    form = case("bidirectional")
    own = open_workload(form.model, form.data)
    path = own.sites[0].path
    recipe = set_knobs(Recipe(), "uniform", f"{path}[x]", bits=4)
    with pytest.raises(UserError) as caught:
        compress(own.sites, own.weights, recipe, digests=own.digests)
    assert str(caught.value) == (
        f"A gate of {path} must be one of i, f, c, o. Received: {path}[x]."
    )
