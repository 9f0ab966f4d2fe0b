"""Background work: two lanes of one thread each, and the way back to the event loop.

On the preview lane the newest wish wins: a running job always delivers its first
value, then stops if another one waits. On the task lane jobs run in order and can be
cancelled. A job is a generator of deliveries: plain callables that are run on the
event loop, where alone the session's traits are written.

Without an event loop both lanes work inline, at once and to the end: that is how the
command line and the tests use them.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from weakref import WeakSet

Delivery = Callable[[], None]
Job = Callable[[], Iterator[Delivery]]
OnError = Callable[[Exception, str], None]

SWITCH_S = 0.001


class Lanes:
    """A preview lane and a task lane.

    Args:
        on_error: Called on the event loop with an exception that a job raised and its
            traceback.
        loop: The event loop that deliveries run on; None works inline.
    """

    def __init__(
        self, on_error: OnError, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        """Start the threads, unless the lanes work inline."""
        self._on_error = on_error
        self._loop = loop
        self._home = threading.get_ident()
        self._is_closed = False
        self._wishes: dict[str, Job] = {}
        self._wished = 0
        self._changed = threading.Condition()
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._submitted: WeakSet[Task] = WeakSet()
        self._taken = threading.Event()
        self._threads: list[threading.Thread] = []
        if loop is not None:
            # Threads that trace a model are busy with Python: five milliseconds, the
            # default, add up for an event loop that waits for two of them.
            sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_S))
            for target in (self._run_previews, self._run_tasks):
                name = f"workbench{target.__name__}"
                thread = threading.Thread(target=target, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)

    @property
    def is_inline(self) -> bool:
        """Whether jobs run at once, on the caller's thread."""
        return self._loop is None

    def post(self, delivery: Delivery) -> None:
        """Run a delivery on the event loop: now where this is its thread, else soon."""
        if self.is_inline or threading.get_ident() == self._home:
            delivery()
        else:
            self._deliver(delivery)

    def wish(self, key: str, job: Job) -> None:
        """Ask for a preview; it replaces a waiting one of the same key.

        Args:
            key: What it is about, such as ``before`` or ``after``.
            job: Makes the generator of deliveries.
        """
        if self.is_inline:
            self._deliver_all(job)
            return
        with self._changed:
            self._wishes.pop(key, None)
            self._wishes[key] = job
            self._wished += 1
            self._changed.notify()

    def submit(self, name: str, job: Callable[[Task], Iterator[Delivery]]) -> Task:
        """Queue a task; one cancelled while it waits is still run, to say so."""
        task = Task(name, job)
        self._submitted.add(task)
        if self.is_inline:
            self._deliver_all(lambda: task.job(task))
        else:
            self._tasks.put(task)
        return task

    def close(self) -> None:
        """Cancel every task, and end both threads after what they do right now."""
        self._is_closed = True
        for task in self._submitted:
            task.cancel()
        with self._changed:
            self._changed.notify()
        self._tasks.put(None)
        self._taken.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _run_previews(self) -> None:
        while not self._is_closed:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._wishes) or self._is_closed)
                if self._is_closed:
                    return
                key = next(iter(self._wishes))
                job = self._wishes.pop(key)
                wished = self._wished
            # Only a newer wish interrupts, not a job that was itself interrupted.
            is_stopped = lambda count=wished: self._wished != count  # noqa: E731
            if not self._deliver_all(job, is_stopped=is_stopped):
                with self._changed:
                    self._wishes.setdefault(key, job)

    def _run_tasks(self) -> None:
        while (task := self._tasks.get()) is not None and not self._is_closed:
            self._deliver_all(lambda task=task: task.job(task))
            self._wait_until_taken()

    def _wait_until_taken(self) -> None:
        """Wait for the loop: the next task works on what this one delivered."""
        self._taken.clear()
        self._deliver(self._taken.set)
        if not self._is_closed:
            self._taken.wait()

    def _deliver_all(
        self, job: Job, is_stopped: Callable[[], bool] = lambda: False
    ) -> bool:
        """Run a job; whether it came to its end."""
        deliveries = None
        try:
            deliveries = job()
            for delivery in deliveries:
                self._deliver(delivery)
                if is_stopped() or self._is_closed:
                    return False
        except Exception as error:
            if self.is_inline:
                raise
            trace = traceback.format_exc()
            self._deliver(lambda error=error: self._on_error(error, trace))
        finally:
            if deliveries is not None and hasattr(deliveries, "close"):
                deliveries.close()  # type: ignore[union-attr]
        return True

    def _deliver(self, delivery: Delivery) -> None:
        if self._loop is None:
            delivery()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, delivery)

    def _take(self, delivery: Delivery) -> None:
        """Run a delivery on the loop, which would only log what a view raises."""
        try:
            delivery()
        except Exception as error:  # noqa: BLE001  # said in the status line
            self._on_error(error, traceback.format_exc())


@dataclass(eq=False)
class Task:
    """A job on the task lane.

    Attributes:
        name: Text key of what it does.
        job: Makes the generator of deliveries, given the task itself.
    """

    name: str
    job: Callable[[Task], Iterator[Delivery]]
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Ask it to stop; a running job looks at `is_cancelled` between its steps."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._cancelled.is_set()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread; None without one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
