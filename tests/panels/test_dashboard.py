"""The whole screen without a browser: what its controls do to a session."""

import asyncio

import pytest

from tests.chain.models import case
from tests.panels.support import tree
from workbench.app import Dashboard
from workbench.core import link
from workbench.core.edit import set_knobs
from workbench.core.recipe import Recipe, Retraining
from workbench.panels.address import Address
from workbench.panels.layer_table import layer_table
from workbench.panels.retraining import retraining
from workbench.panels.scope import Scope
from workbench.session import Session


@pytest.fixture(scope="module")
def dense():
    return case("dense")


@pytest.fixture
def session(dense):
    return Session(dense.model, dense.data, is_kept=False)


def scope_of(session):
    return Scope(session, Address())


def labelled(widget, words):
    return next(w for w in tree(widget) if getattr(w, "description", "") == words)


def test_what_is_typed_for_a_retraining_survives_a_moved_slider(session):
    session.edit(Recipe(retraining=Retraining(epochs=1)))
    scope = scope_of(session)
    epochs = labelled(retraining(scope), scope.say("knob.retraining.epochs"))
    assert epochs.value == 1
    epochs.value = 5
    session.edit(set_knobs(session.recipe, "magnitude", sparsity=0.5))
    assert epochs.value == 5
    session.undo()
    session.undo()
    session.redo()
    assert epochs.value == 1


def test_a_retraining_that_is_not_there_is_not_chosen(session):
    session.edit(Recipe(retraining=Retraining(start="latest")))
    scope = scope_of(session)
    start = labelled(retraining(scope), scope.say("knob.retraining.start"))
    assert start.disabled
    assert start.value == "original"


def test_an_override_stays_where_the_hand_put_it(session):
    path = session.sites[0].path
    session.edit(set_knobs(session.recipe, "uniform", bits=2))
    session.select([path])
    scope = scope_of(session)
    slider = labelled(layer_table(scope), scope.say("knob.magnitude.sparsity"))
    seen = []
    slider.observe(lambda change: seen.append(change["new"]), "value")
    slider.value = 0.3
    assert seen == [0.3]
    assert session.recipe.plans[-1].target == path


def test_the_address_lets_go_of_a_link_that_was_followed(dense, tmp_path, monkeypatch):
    recipe = set_knobs(Recipe(), "magnitude", sparsity=0.5)
    query = {"recipe": link.to_word(recipe), "budget": "1000"}
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    monkeypatch.setattr("workbench.app.initial_query", lambda: query)
    screen = Dashboard(dense.model, dense.data)
    wanted = screen._address.wanted
    assert screen.session.recipe == recipe
    assert wanted["session"] == screen.session.name
    assert wanted["recipe"] == wanted["budget"] == ""


def test_without_test_data_nothing_waits_for_a_score(dense):
    session = Session(dense.model, is_kept=False)
    assert not session.snapshot().is_stale
    session.edit(set_knobs(session.recipe, "magnitude", sparsity=0.5))
    assert not session.snapshot().is_stale


def test_an_unreadable_model_is_said_as_words(tmp_path):
    screen = Dashboard(tmp_path / "<b>.keras", is_kept=False)
    said = [str(getattr(child, "value", "")) for child in screen.children]
    assert "&lt;b&gt;" in "".join(said)


def test_choosing_another_demo_does_not_wait_for_the_old_one(dense, monkeypatch):
    async def scene():
        screen = Dashboard(dense.model, dense.data, is_kept=False)
        old = screen.session
        while not old.is_calibrated:
            await asyncio.sleep(0.01)
        old.retrain(Retraining(epochs=1000))
        while not old.progress:
            await asyncio.sleep(0.01)
        screen._choose_demo("lenet")
        assert screen.session is not old
        assert old.is_retraining
        while old.is_retraining:
            await asyncio.sleep(0.01)
        screen.close()
        return old.progress[-1].epoch

    assert asyncio.run(asyncio.wait_for(scene(), 60)) < 1000
