"""What takes a while is computed beside the event loop, from the newest snapshot."""

import asyncio
import threading

import ipywidgets
import pytest

from tests.chain.models import case
from workbench.core.edit import set_knobs
from workbench.panels.address import Address
from workbench.panels.scope import Scope
from workbench.session import Session


@pytest.fixture(scope="module")
def dense():
    return case("dense")


def pruned(session, sparsity):
    return set_knobs(session.recipe, "magnitude", sparsity=sparsity)


async def opened(dense):
    session = Session(dense.model, dense.data, is_kept=False)
    while session.is_opening:
        await asyncio.sleep(0.01)
    return session, Scope(session, Address())


async def until(holds):
    while not holds():
        await asyncio.sleep(0.01)


def run(scene):
    return asyncio.run(asyncio.wait_for(scene, 60))


def test_the_loop_is_free_and_the_newest_snapshot_counts(dense):
    async def scene():
        session, scope = await opened(dense)
        go_on, begun, seen, threads = threading.Event(), threading.Event(), [], []

        @scope.derive("recipe")
        def compute(snapshot):
            begun.set()
            go_on.wait(10)
            threads.append(threading.current_thread() is threading.main_thread())
            return lambda: seen.append(snapshot.recipe)

        await until(begun.is_set)
        first = session.recipe
        for sparsity in (0.1, 0.2, 0.3):
            session.edit(pruned(session, sparsity))
        go_on.set()
        await until(lambda: len(seen) == 2)
        await asyncio.sleep(0.1)
        scope.close()
        session.close()
        return seen, first, session.recipe, threads

    seen, first, last, threads = run(scene())
    assert seen == [first, last]
    assert threads == [False, False]


def test_what_is_the_same_is_not_computed_again(dense):
    async def scene():
        session, scope = await opened(dense)
        seen = []

        def basis(snapshot):
            return (snapshot.before and snapshot.before.network,)

        @scope.derive("before", basis=basis)
        def compute(snapshot):
            network = snapshot.before and snapshot.before.network
            return lambda: seen.append(network)

        await until(lambda: seen)
        session.edit(pruned(session, 0.5))
        await until(lambda: not session.snapshot().is_stale and len(seen) == 2)
        scope.close()
        session.close()
        return len(set(map(id, seen))), len(seen)

    assert run(scene()) == (2, 2)


def test_a_closed_drawer_computes_when_it_is_opened(dense):
    session = Session(dense.model, dense.data, is_kept=False)
    scope = Scope(session, Address())
    button, seen = ipywidgets.ToggleButton(), []

    @scope.derive("recipe", seen=button)
    def compute(snapshot):
        return lambda: seen.append(snapshot.recipe)

    session.edit(pruned(session, 0.5))
    assert seen == []
    button.value = True
    assert seen == [session.recipe]
    scope.close()


def test_a_mistake_of_a_view_is_said(dense):
    async def scene():
        session, scope = await opened(dense)

        @scope.derive("recipe")
        def compute(snapshot):
            raise RuntimeError("broken view")

        await until(lambda: session.status.is_error)
        scope.close()
        session.close()
        return session.status

    status = run(scene())
    assert "broken view" in dict(status.values)["error"]
    assert "in compute" in status.detail


def test_the_end_leaves_no_thread(dense):
    async def scene():
        before = set(threading.enumerate())
        session, scope = await opened(dense)
        scope.derive("recipe")(lambda _: lambda: None)
        scope.close()
        session.close()
        return set(threading.enumerate()) - before

    left = run(scene())
    assert [thread for thread in left if thread.name.startswith("workbench")] == []
