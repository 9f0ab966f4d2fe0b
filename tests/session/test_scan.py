"""A scan: every kernel alone, measured as a recipe for it would be."""

import asyncio

import pytest

from tests.session.support import on_loop, opened
from workbench.core.errors import UserError
from workbench.core.recipe import Retraining
from workbench.session import Session


def test_each_change_is_that_of_the_recipe(session):
    shown = session.before
    session.scan_each("bits")
    scan = session.scan
    assert scan.done == 1
    assert not session.is_scanning
    assert session.before is shown, "What is on the screen stays."
    *_, (path, level, recipe) = scan.recipes()
    session.edit(recipe)
    measured = session.before.measurement
    assert measured.is_exact
    assert scan.changes[path, level] == measured.difference.value


def test_a_cancelled_scan_keeps_what_it_knows(dense):
    async def scene():
        session = Session(dense.model, dense.data, is_kept=False)
        await opened(session)
        known: list[float] = []

        def stop(change):
            known.append(change.new.done)
            if change.new.done > 0:
                session.cancel_scan()

        session.observe(stop, "scan")
        session.scan_each("sparsity")
        while session.is_scanning:
            await asyncio.sleep(0.01)
        session.close()
        return session, known

    session, known = on_loop(scene)
    assert 0 < known[-1] < 1
    assert session.scan.done == known[-1]
    assert session.status.key == "scan.stopped"


def test_a_scan_is_of_a_known_knob(session):
    with pytest.raises(UserError) as raised:
        session.scan_each("rank")
    assert raised.value.key == "knob.choice"
    assert not session.is_scanning


def test_what_waits_behind_a_scan_is_not_what_its_cancel_stops(dense):
    async def scene():
        session = Session(dense.model, dense.data, is_kept=False)
        await opened(session)
        session.scan_each("sparsity")
        session.retrain(Retraining(epochs=1))
        session.cancel_scan()
        while session.is_scanning or session.is_retraining:
            await asyncio.sleep(0.01)
        session.close()
        return session

    session = on_loop(scene)
    assert session.scan.done < 1
    assert session.progress[-1].is_last
    assert session.progress[-1].step == session.progress[-1].steps


def test_without_test_data_there_is_no_scan(dense):
    session = Session(dense.model, is_kept=False)
    with pytest.raises(UserError) as raised:
        session.scan_each("bits")
    assert raised.value.key == "evaluate.no_test_data"
