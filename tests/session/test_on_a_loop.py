"""A session on an event loop, whose lanes are threads."""

import asyncio

import pytest

from tests.session.support import on_loop, opened, pruned
from workbench.core.errors import UserError
from workbench.core.recipe import Recipe, Retraining
from workbench.session import Session


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

    status = on_loop(scene, 120)
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

    on_loop(scene)


def test_a_cancelled_retraining_leaves_the_better_one_before_it(dense):
    async def scene():
        session = Session(dense.model, dense.data, is_kept=False)
        await opened(session)
        session.edit(pruned(session, 0.9))
        session.retrain(Retraining(epochs=8))
        while session.is_retraining or session.after is None:
            await asyncio.sleep(0.01)
        first, after = session.retrained, session.after
        assert first is not None
        assert first.epoch > 0
        session.retrain(Retraining(epochs=1000, learning_rate=1e-6))
        while not session.progress:
            await asyncio.sleep(0.01)
        session.cancel()
        while session.is_retraining:
            await asyncio.sleep(0.01)
        assert session.retrained is first
        assert session.after.network is after.network
        await asyncio.to_thread(session.close)
        return session.status.key

    assert on_loop(scene) == "train.earlier_stands"


def test_an_error_on_a_lane_reaches_the_status_line(dense, files):
    async def scene():
        session = Session(files[0], files[1].with_name("missing.npz"), is_kept=False)
        while not session.status.is_error:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(session.close)
        return session.status

    status = on_loop(scene)
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
