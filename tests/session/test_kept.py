"""What survives: a session by its name, whole or damaged."""

import errno
import os

import numpy as np
import pytest

from tests.chain.models import case
from tests.session.support import pruned
from workbench.core.recipe import Recipe, Retraining
from workbench.session import Session


def test_a_session_goes_on_where_it_stopped(files):
    first = Session(*files)
    first.edit(pruned(first, 0.6))
    first.set(budget=500.0)
    first.select([first.sites[0].path])
    first.retrain(Retraining(epochs=1))
    again = Session(*files, name=first.name)
    assert again.recipe == first.recipe
    assert again.budget == 500.0
    assert again.selection == first.selection
    told = [
        [(v.kind, v.recipe.plans, v.score) for v in s.history] for s in (first, again)
    ]
    assert told[1] == told[0]
    assert again.after.measurement.score == first.after.measurement.score
    assert again.can_undo
    other = Session(*files)
    assert other.name != first.name
    assert other.recipe == Recipe()


def test_a_session_of_another_model_is_not_mixed_in(dense, files, tmp_path):
    first = Session(*files)
    first.edit(pruned(first))
    dense.model.save(tmp_path / "other.keras")
    other = Session(tmp_path / "other.keras", files[1], name=first.name)
    assert other.recipe == Recipe()
    assert other.name != first.name
    assert Session(*files, name=first.name).recipe == first.recipe


def test_a_damaged_session_is_said_and_starts_afresh(files, tmp_path):
    first = Session(*files)
    first.edit(pruned(first))
    state = tmp_path / "home" / "sessions" / first.name / "session.json"
    state.write_text(state.read_text()[:50])
    again = Session(*files, name=first.name)
    assert again.recipe == Recipe()
    assert list(state.parent.glob("*.damaged"))


def test_a_full_disk_is_said_and_the_work_goes_on(files, monkeypatch):
    session = Session(*files)

    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("workbench.core.store._write", full)
    session.edit(pruned(session, 0.9))
    assert session.status.key == "store.full"
    assert session.before.network.sparsity == pytest.approx(0.9, abs=0.02)
    session.retrain(Retraining(epochs=1))
    assert session.status.key == "store.full"
    assert session.after.measurement.is_exact


@pytest.mark.parametrize("text", ["{}", '{"timeline": 1}', '{"timeline": {"now": []}}'])
def test_a_session_of_another_shape_is_said_and_starts_afresh(text, files, tmp_path):
    first = Session(*files)
    state = tmp_path / "home" / "sessions" / first.name / "session.json"
    state.write_text(text)
    again = Session(*files, name=first.name)
    assert again.status.key == "store.damaged"
    assert again.original.is_exact
    assert list(state.parent.glob("*.damaged"))


def test_damaged_weights_take_nothing_else_with_them(files, tmp_path):
    first = Session(*files)
    first.edit(pruned(first, 0.6))
    first.retrain(Retraining(epochs=1))
    weights = tmp_path / "home" / "sessions" / first.name / "retrained.npz"
    for spoilt in (weights.read_bytes()[:100], None):
        if spoilt is None:
            np.savez(weights, head=np.zeros(3, np.uint8))
        else:
            weights.write_bytes(spoilt)
        again = Session(*files, name=first.name)
        assert again.status.key == "store.damaged"
        assert again.recipe == first.recipe
        assert again.retrained is None
        assert [v.kind for v in again.history] == [v.kind for v in first.history]


def test_dots_and_weights_of_a_model_trained_again_are_forgotten(dense, files):
    first = Session(*files)
    first.edit(pruned(first, 0.6))
    first.retrain(Retraining(epochs=1))
    other = case("dense").model
    other.set_weights([1.5 * values for values in other.get_weights()])
    other.save(files[0])
    again = Session(*files, name=first.name)
    assert again.recipe == first.recipe
    assert [visit.kind for visit in again.history] == ["before"]
    assert again.retrained is None
    assert Session(*files, name=first.name).retrained is None
