"""Gates on the screen: rows of their own, selected and set like kernels."""

from typing import Any

import ipywidgets
import numpy as np
import pytest

from tests.chain.models import case
from tests.panels.support import tree
from workbench.charts.sparsity import tensor_sparsity
from workbench.charts.spectrum import ranks
from workbench.charts.weights import threshold_of, weight_numbers
from workbench.core.edit import set_knobs, switch_on
from workbench.core.gates import tensor_of, weights_of
from workbench.core.recipe import Recipe
from workbench.panels.address import Address
from workbench.panels.formula import formula
from workbench.panels.layer_table import layer_table
from workbench.panels.live_weights import LiveWeights
from workbench.panels.methods import methods
from workbench.panels.scope import Scope
from workbench.panels.settings import settings
from workbench.session import Session

GATE = "gru/kernel[r]"


@pytest.fixture(scope="module")
def opened():
    form = case("gru")
    session = Session(form.model, form.data, is_kept=False)
    yield session
    session.close()


@pytest.fixture
def session(opened):
    opened.select(())
    opened.edit(set_knobs(Recipe(), "magnitude", sparsity=0.5, scope="tensor"))
    return opened


@pytest.fixture
def scope(session):
    scope = Scope(session, Address())
    yield scope
    scope.close()


def slider_of(scope, box, key):
    words = scope.say(key)
    return next(w for w in tree(box) if getattr(w, "description", "") == words)


def rows_of(box):
    return {row["path"]: row for row in box.children[0].rows}


def test_a_recurrent_row_is_followed_by_its_gates(session, scope):
    box: Any = layer_table(scope)
    paths = [row["path"] for row in box.children[0].rows]
    assert paths[:4] == ["gru/kernel", "gru/kernel[z]", GATE, "gru/kernel[h]"]
    assert paths[-1] == "head/kernel"
    rows = rows_of(box)
    assert rows[GATE]["shape"] == "4 × 6"
    assert rows[GATE]["inherited"] == ["sparsity", "bits"]
    whole = session.before.network.tensors["gru/kernel"]
    zeros = [float(rows[f"gru/kernel[{g}]"]["sparsity"][:-1]) for g in "zrh"]
    assert np.mean(zeros) == pytest.approx(100 * whole.sparsity, abs=0.1)


def test_the_sliders_set_the_selected_gate(session, scope):
    box: Any = layer_table(scope)
    session.select((GATE,))
    sparsity = slider_of(scope, box, "knob.magnitude.sparsity")
    found = {site.path: site for site in session.snapshot().selected}
    now = tensor_of(session.before.network.tensors, found[GATE])
    assert sparsity.value == pytest.approx(now.sparsity, abs=0.01)
    sparsity.value = 0.75
    bits = slider_of(scope, box, "knob.uniform.bits")
    bits.value = 3
    assert session.recipe.plans[-1].target == GATE
    rows = rows_of(box)
    assert rows[GATE]["bits"] == "3"
    assert rows[GATE]["sparsity"] == "75.0%"
    assert rows[GATE]["inherited"] == []
    assert rows["gru/kernel"]["bits"] == "3-32"
    assert int(rows[GATE]["nbytes"]) < int(rows["gru/kernel[z]"]["nbytes"])
    inherits, _ = box.children[1].children[-1].children
    inherits.click()
    assert session.recipe.plans[-1].target == "*"


def test_the_histogram_shows_the_selected_gate(session, scope):
    groups = settings(scope).groups
    (live,) = (group for group in groups if isinstance(group, LiveWeights))
    assert live.selected == [site.path for site in session.sites]
    wholes = {tensor["path"]: tensor["whole"] for tensor in live.tensors}
    assert wholes[GATE] == "gru/kernel"
    assert wholes["gru/kernel"] == "gru/kernel"
    session.edit(set_knobs(session.recipe, "magnitude", GATE, sparsity=0.75))
    session.select((GATE,))
    assert live.selected == [GATE]
    assert live.exact["sparsity"] == 0.75
    snapshot = session.snapshot()
    (site,) = snapshot.selected
    numbers = weight_numbers(snapshot)
    assert numbers.original.sum() == site.parameters == 24
    assert numbers.zeros == 18
    magnitude = np.sort(np.abs(weights_of(session.weights, site)), axis=None)
    assert threshold_of(snapshot) == pytest.approx(magnitude[18])


def test_charts_and_formula_tell_of_the_gate(session, scope):
    seen = ipywidgets.ToggleButton(value=True)
    text: Any = formula(scope, seen)
    session.edit(set_knobs(session.recipe, "uniform", GATE, bits=3))
    session.select(("gru/kernel",))
    assert "select a gate" in text.value
    session.select((GATE,))
    assert "<mtext>3</mtext>" in text.value
    shown = tensor_sparsity(session.snapshot())
    assert [p for p in shown if p.startswith("gru/kernel")][:2] == [
        "gru/kernel",
        "gru/kernel[z]",
    ]
    assert "gru/recurrent_kernel[z]" not in shown
    found = ranks(session.snapshot())
    assert found is not None
    assert found.path == GATE


def test_a_method_that_leaves_gates_out_counts_their_kernel_once(session, scope):
    box = methods(scope)
    recipe = set_knobs(switch_on(session.recipe, "svd"), "svd", rank=0.5)
    session.edit(set_knobs(recipe, "uniform", GATE, bits=3))
    (line,) = (
        w.value
        for w in tree(box)
        if isinstance(w, ipywidgets.HTML) and "factorized" in w.value
    )
    assert "1 " in line
    assert 'title="gru/kernel"' in line
