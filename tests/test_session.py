"""The session: wishes, undo, links, memory; on a tiny model, inline."""

import asyncio
import errno
import os

import numpy as np
import pytest

from tests.chain.models import case
from workbench.core.edit import set_knobs
from workbench.core.errors import UserError
from workbench.core.recipe import Recipe, Retraining
from workbench.session import Session


@pytest.fixture(scope="module")
def dense():
    return case("dense")


@pytest.fixture
def files(dense, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    dense.model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", **dense.data)
    return tmp_path / "model.keras", tmp_path / "data.npz"


@pytest.fixture
def session(dense):
    return Session(dense.model, dense.data, is_kept=False)


def pruned(session, sparsity=0.5):
    return set_knobs(session.recipe, "magnitude", sparsity=sparsity, scope="tensor")


def test_opening_measures_the_original_and_the_untouched_network(session):
    assert session.original.is_exact
    assert session.before.measurement.score == session.original.score
    assert session.before.measurement.difference.value == 0
    assert session.before.sizes.packed.value == session.original_sizes.packed.value
    assert session.is_calibrated
    assert not session.snapshot().is_stale


def test_an_edit_compresses_and_measures(session):
    session.edit(pruned(session, 0.9))
    network = session.before.network
    assert abs(network.sparsity - 0.9) < 0.02
    assert session.before.measurement.is_exact
    assert session.before.sizes.packed.value < session.original_sizes.packed.value
    assert [visit.recipe for visit in session.history] == [Recipe(), session.recipe]


def test_undo_redo_reset(session):
    session.edit(pruned(session))
    wished = session.recipe
    session.undo()
    assert session.recipe == Recipe()
    assert session.before.network.sparsity < 0.01
    session.redo()
    assert session.recipe == wished
    session.reset()
    assert session.recipe == Recipe()
    assert session.can_undo


def test_the_users_model_is_never_changed(dense, session):
    before = [np.array(weight) for weight in dense.model.get_weights()]
    session.edit(pruned(session, 0.9))
    session.retrain(Retraining(epochs=1))
    for old, new in zip(before, dense.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_retraining_holds_the_masks_and_can_go_on(session):
    recipe = set_knobs(pruned(session, 0.7), "uniform", bits=4)
    session.edit(recipe)
    masks = {p: t.mask for p, t in session.before.network.tensors.items()}
    session.retrain(Retraining(epochs=2))
    assert not session.is_retraining
    assert session.after.measurement.is_exact
    assert not session.snapshot().is_after_stale
    for path, tensor in session.after.network.tensors.items():
        assert not tensor.dense[~masks[path]].any()
        assert tensor.bits == 4
    session.retrain(Retraining(epochs=1, start="latest"))
    kinds = [(v.kind, v.recipe.retraining) for v in session.history]
    assert kinds[-2:] == [
        ("after", Retraining(epochs=2)),
        ("after", Retraining(epochs=1, start="latest")),
    ]
    session.edit(pruned(session, 0.1))
    assert session.snapshot().is_after_stale
    assert session.result() is session.before


def test_without_training_data_calibration_and_retraining_are_off(dense):
    test = {k: v for k, v in dense.data.items() if k.endswith("test")}
    session = Session(dense.model, test, is_kept=False)
    assert not session.can_train
    with pytest.raises(UserError, match="training data"):
        session.retrain()
    with pytest.raises(UserError, match="calibrate"):
        session.edit(set_knobs(session.recipe, "activations", bits=8))


def test_without_data_weights_and_sizes_are_there(dense):
    session = Session(dense.model, is_kept=False)
    session.edit(pruned(session))
    assert session.before.measurement is None
    assert session.before.network.sparsity == pytest.approx(0.5, abs=0.02)
    with pytest.raises(UserError, match="training data"):
        session.retrain()


def test_continuing_without_a_retraining_is_refused(session):
    with pytest.raises(UserError, match="continue"):
        session.retrain(Retraining(start="latest"))


def test_activations_are_quantized_on_calibrated_ranges(session):
    session.edit(set_knobs(session.recipe, "activations", bits=8))
    assert session.before.network.activations
    assert session.before.measurement.is_exact


def test_selection_keeps_known_paths_only(session):
    path = session.sites[0].path
    session.select((path, "no/such/kernel"))
    assert session.selection == (path,)
    assert [site.path for site in session.snapshot().selected] == [path]


def test_a_link_carries_recipe_and_view(dense, session):
    session.edit(pruned(session, 0.3))
    session.select([session.sites[0].path])
    session.set(budget=1234.0, view={"hide": ("threshold",)})
    other = Session(dense.model, dense.data, is_kept=False)
    other.follow(session.link())
    assert other.recipe == session.recipe
    assert other.selection == session.selection
    assert other.budget == 1234.0
    assert other.view == session.view


def test_a_damaged_link_is_said_and_loses_nothing(session):
    session.edit(pruned(session))
    wished = session.recipe
    session.follow({"recipe": "broken"})
    assert session.status.is_error
    assert session.status.key == "recipe.link"
    assert session.recipe == wished


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


def test_on_an_event_loop_sliders_stay_alive_while_retraining(dense):
    async def scene():
        session = Session(dense.model, dense.data, is_kept=False)
        while not session.is_calibrated or session.before is None:
            await asyncio.sleep(0.01)
        session.edit(pruned(session, 0.5))
        session.retrain(Retraining(epochs=1000))
        while not session.progress:
            await asyncio.sleep(0.01)
        session.edit(pruned(session, 0.8))
        while session.snapshot().is_stale:
            await asyncio.sleep(0.01)
        assert session.is_retraining
        assert session.before.network.sparsity == pytest.approx(0.8, abs=0.02)
        session.cancel()
        while session.after is None or session.after.measurement is None:
            await asyncio.sleep(0.01)
        assert not session.is_retraining
        assert session.progress[-1].is_last
        assert session.progress[-1].epoch < 1000
        # The weights are kept once, not with every report.
        assert session.retrained is not None
        assert {progress.best for progress in session.progress} == {None}
        await asyncio.to_thread(session.close)
        return session.status

    status = asyncio.run(asyncio.wait_for(scene(), 120))
    assert not status.is_error


def test_a_retraining_that_still_waits_can_be_cancelled(dense):
    async def scene():
        session = Session(dense.model, dense.data, is_kept=False)
        while session.workload is None:
            await asyncio.sleep(0.01)
        session.retrain(Retraining(epochs=1000))
        session.cancel()
        while session.is_retraining:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(session.close)
        return session.after

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_an_error_on_a_lane_reaches_the_status_line(dense, files):
    async def scene():
        session = Session(files[0], files[1].with_name("missing.npz"), is_kept=False)
        while not session.status.is_error:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(session.close)
        return session.status

    status = asyncio.run(asyncio.wait_for(scene(), 60))
    assert status.detail == ""
    assert "missing.npz" in str(dict(status.values))


def test_the_first_chart_waits_for_nothing_else(files):
    seen = []

    async def scene():
        session = Session(*files, is_kept=False)
        # The values may be many bytes: no one waits for them.
        assert session.sites
        assert not session.weights
        assert session.before is None
        for name in ("before", "bins", "workload"):
            session.observe(lambda change: seen.append(change.name), name)
        while not session.bins or session.is_opening:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(session.close)
        return session

    session = on_loop(scene)
    assert seen[0] == "before"
    for path, tensor in session.before.network.tensors.items():
        # What was read before the model was opened is not held any more.
        assert tensor.start is session.weights[path]


def opened(session):
    """Wait on the event loop until a session is open, calibrated and measured."""

    async def wait():
        while not session.is_calibrated or session.snapshot().is_stale:
            await asyncio.sleep(0.01)

    return wait()


def on_loop(scene, seconds=60):
    return asyncio.run(asyncio.wait_for(scene(), seconds))


def test_a_mistake_while_retraining_is_said_and_does_not_end_it(dense):
    async def scene():
        session = Session(dense.model, dense.data, is_kept=False)
        await opened(session)
        session.retrain(Retraining(epochs=1000))
        while not session.progress:
            await asyncio.sleep(0.01)
        session.fail(UserError("session.no_retraining"))
        assert session.is_retraining
        session.cancel()
        while session.is_retraining:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(session.close)
        return session.status.key

    assert on_loop(scene) == "session.no_retraining"


def test_a_retraining_that_fails_is_over(dense, monkeypatch):
    def broken(*_args, **_options):
        raise UserError("session.no_training_data")

    async def scene():
        session = Session(dense.model, dense.data, is_kept=False)
        await opened(session)
        monkeypatch.setattr("workbench.engine.trainer.Trainer.run", broken)
        session.retrain(Retraining(epochs=1))
        while not session.status.is_error:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(session.close)
        return session.is_retraining

    assert on_loop(scene) is False


def test_an_error_stays_until_the_next_step(session):
    session.fail(UserError("session.no_retraining"))
    session.saying("session.calibrating")()
    assert session.status.key == "session.no_retraining"
    session.edit(pruned(session))
    assert not session.status.is_error


def test_what_a_view_raises_reaches_the_status_line(dense):
    def broken(_change):
        raise RuntimeError("a view")

    async def scene():
        session = Session(dense.model, dense.data, is_kept=False)
        session.observe(broken, "original")
        while not session.status.is_error:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(session.close)
        return session.status

    status = on_loop(scene)
    assert status.key == "session.fault"
    assert "a view" in status.detail


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


def test_cancelling_stops_the_retraining_and_not_a_save_behind_it(dense, tmp_path):
    async def scene():
        session = Session(dense.model, dense.data, is_kept=False)
        await opened(session)
        session.retrain(Retraining(epochs=1000))
        while not session.progress:
            await asyncio.sleep(0.01)
        session.save(tmp_path / "out", ())
        session.cancel()
        while session.saved is None:
            await asyncio.sleep(0.01)
        assert not session.is_retraining
        await asyncio.to_thread(session.close)

    on_loop(scene)
    assert (tmp_path / "out" / "recipe.yaml").is_file()


def test_what_is_saved_is_what_is_wished(dense, tmp_path):
    async def scene():
        session = Session(dense.model, dense.data, is_kept=False)
        await opened(session)
        session.edit(pruned(session, 0.9))
        assert session.before.recipe == Recipe()
        session.save(tmp_path / "out", ())
        while session.saved is None:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(session.close)
        return session.recipe

    wished = on_loop(scene)
    assert Recipe.loads((tmp_path / "out" / "recipe.yaml").read_text()) == wished


def test_of_a_model_in_memory_nothing_is_said_before_it_is_read(dense):
    async def scene():
        session = Session(dense.model, dense.data, is_kept=False)
        early = []
        session.observe(lambda _: early.append(bool(session.sites)), "before")
        session.follow({"budget": "²"})
        await opened(session)
        await asyncio.to_thread(session.close)
        return early, session.budget

    early, budget = on_loop(scene)
    assert early
    assert all(early)
    assert budget is None
