"""The sizes on the screen: four definitions side by side, and where zeros pay."""

from typing import Any

import ipywidgets
import pytest

from tests.chain.models import case
from workbench.core.coded import coded_bytes
from workbench.core.edit import set_knobs
from workbench.core.recipe import Recipe
from workbench.panels.address import Address
from workbench.panels.break_even import break_even_note
from workbench.panels.measures import measures
from workbench.panels.scope import Scope
from workbench.session import Session


@pytest.fixture
def session():
    recipe = set_knobs(Recipe(), "magnitude", sparsity=0.8)
    recipe = set_knobs(recipe, "uniform", bits=4)
    given = case("dense")
    made = Session(given.model, given.data, recipe=recipe, is_kept=False)
    yield made
    made.close()


def test_measures_show_every_definition_and_what_was_written(session, tmp_path):
    scope = Scope(session, Address())
    shown: Any = measures(scope, ipywidgets.ToggleButton(value=True))
    outcome = session.result()
    assert outcome is not None
    for path, tensor in outcome.network.tensors.items():
        assert path in shown.value
        assert f"{coded_bytes(tensor):,}" in shown.value
    assert "entropy-coded: the .wbz file" in shown.value
    assert "written" not in shown.value
    session.save(tmp_path / "out", ("wbz",))
    assert "written: the .wbz file" in shown.value
    scope.close()


def test_the_slider_says_from_where_on_zeros_pay(session):
    scope = Scope(session, Address())
    note: Any = break_even_note(scope)
    assert "25.0%" in note.value
    session.edit(set_knobs(session.recipe, "uniform", "head/*", bits=8))
    assert "12.5% to 25.0%" in note.value
    scope.close()
