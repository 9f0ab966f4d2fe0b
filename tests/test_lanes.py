"""Lanes: the newest wish wins, tasks run in order, errors are delivered."""

import asyncio
import threading
import time

from workbench.lanes import Lanes


def collect(errors):
    return lambda error, trace: errors.append((str(error), trace))


def test_inline_runs_to_the_end():
    seen = []
    lanes = Lanes(collect([]))

    def job():
        yield lambda: seen.append(1)
        yield lambda: seen.append(2)

    lanes.wish("before", job)
    assert lanes.is_inline
    assert seen == [1, 2]


def test_newest_wish_wins_and_first_value_is_always_delivered():
    async def scene():
        seen, errors = [], []
        lanes = Lanes(collect(errors), asyncio.get_running_loop())
        running, go_on = threading.Event(), threading.Event()

        def slow():
            yield lambda: seen.append("first")
            running.set()
            go_on.wait(5)
            yield lambda: seen.append("second")
            yield lambda: seen.append("never")

        def quick(name):
            def job():
                yield lambda: seen.append(name)

            return job

        lanes.wish("before", slow)
        await asyncio.to_thread(running.wait, 5)
        for name in ("a", "b", "c"):
            lanes.wish("before", quick(name))
        go_on.set()
        while "c" not in seen:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(lanes.close)
        return seen, errors

    seen, errors = asyncio.run(scene())
    assert seen == ["first", "second", "c"]
    assert errors == []


def test_an_interrupted_preview_is_taken_up_again_behind_the_other_key():
    async def scene():
        seen = []
        lanes = Lanes(collect([]), asyncio.get_running_loop())
        running, go_on = threading.Event(), threading.Event()
        rounds = []

        def after():
            rounds.append(1)
            yield lambda: seen.append("after 1")
            if len(rounds) == 1:
                running.set()
                go_on.wait(5)
            yield lambda: seen.append("after 2")

        def before():
            yield lambda: seen.append("before")

        lanes.wish("after", after)
        await asyncio.to_thread(running.wait, 5)
        lanes.wish("before", before)
        go_on.set()
        while seen.count("after 2") < 2:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(lanes.close)
        return seen

    seen = asyncio.run(scene())
    assert seen == ["after 1", "after 2", "before", "after 1", "after 2"]


def test_tasks_run_in_order_and_know_that_they_were_cancelled():
    async def scene():
        seen = []
        lanes = Lanes(collect([]), asyncio.get_running_loop())
        gate = threading.Event()

        def job(name):
            def run(task):
                gate.wait(5)
                is_cancelled = task.is_cancelled
                yield lambda: seen.append((name, is_cancelled))

            return run

        lanes.submit("a", job("a"))
        lanes.submit("b", job("b")).cancel()
        lanes.submit("c", job("c"))
        gate.set()
        while len(seen) < 3:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(lanes.close)
        return seen

    assert asyncio.run(scene()) == [("a", False), ("b", True), ("c", False)]


def test_an_error_is_delivered_and_the_lane_goes_on():
    async def scene():
        seen, errors = [], []
        lanes = Lanes(collect(errors), asyncio.get_running_loop())

        def broken(task):
            yield lambda: seen.append("started")
            raise RuntimeError("broken")

        def fine(task):
            yield lambda: seen.append("fine")

        lanes.submit("broken", broken)
        lanes.submit("fine", fine)
        while "fine" not in seen:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(lanes.close)
        return seen, errors

    seen, errors = asyncio.run(scene())
    assert seen == ["started", "fine"]
    [(message, trace)] = errors
    assert message == "broken"
    assert "RuntimeError" in trace


def test_post_from_another_thread_runs_on_the_loop():
    async def scene():
        where = []
        lanes = Lanes(collect([]), asyncio.get_running_loop())
        await asyncio.to_thread(lanes.post, lambda: where.append(threading.get_ident()))
        while not where:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(lanes.close)
        return where

    assert asyncio.run(scene()) == [threading.get_ident()]


def test_closing_leaves_no_thread():
    async def scene():
        before = threading.active_count()
        lanes = Lanes(collect([]), asyncio.get_running_loop())
        assert threading.active_count() == before + 2
        await asyncio.sleep(0)
        lanes.close()
        return threading.active_count() - before

    assert asyncio.run(scene()) == 0


def test_a_task_begins_when_the_one_before_has_been_heard():
    async def scene():
        heard, seen = [], []
        lanes = Lanes(collect([]), asyncio.get_running_loop())

        def first(task):
            yield lambda: heard.append("first")

        def second(task):
            seen.extend(heard)
            yield lambda: heard.append("second")

        lanes.submit("first", first)
        lanes.submit("second", second)
        time.sleep(0.2)  # The loop is busy while the lane is not.
        while len(heard) < 2:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(lanes.close)
        return seen

    assert asyncio.run(scene()) == ["first"]


def test_closing_does_not_wait_for_a_busy_loop():
    async def scene():
        lanes = Lanes(collect([]), asyncio.get_running_loop())
        began = threading.Event()

        def job(task):
            began.set()
            yield lambda: None

        lanes.submit("job", job)
        began.wait(5)
        lanes.close()
        return lanes._threads

    assert asyncio.run(scene()) == []
