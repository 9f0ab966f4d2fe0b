"""A thread that computes what views show, so that the event loop stays free.

A histogram of a million weights takes longer than a frame. Views therefore compute
from a frozen `Snapshot`, here, and only write on the event loop.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.core.snapshot import Snapshot
    from workbench.lanes import Delivery
    from workbench.session import Session

    Computation = Callable[[Snapshot], Delivery]

LONGEST_PAUSE_S = 0.25


class Views:
    """Runs computations one after another; of each the newest snapshot counts.

    Without an event loop, as in tests, they run at once.

    Args:
        session: The session; its lanes lead back to the event loop.
    """

    def __init__(self, session: Session) -> None:
        """Start nothing yet."""
        self._lanes = session.lanes
        self._asked: dict[Computation, Snapshot] = {}
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def ask(self, compute: Computation, snapshot: Snapshot) -> None:
        """Compute something, and run what comes of it on the event loop.

        Args:
            compute: Makes the delivery; one that waits already gets this snapshot.
            snapshot: The session now.
        """
        if self._lanes.is_inline:
            compute(snapshot)()
            return
        with self._changed:
            self._asked[compute] = snapshot
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="workbench-views", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """End the thread after what it computes right now."""
        with self._changed:
            self._is_closed = True
            self._asked.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._is_closed)
                if self._is_closed:
                    return
                asked, self._asked = self._asked, {}
            began = time.monotonic()
            for compute, snapshot in asked.items():
                self._compute(compute, snapshot)
            # Half of the time is left to what the snapshots come from.
            pause = min(time.monotonic() - began, LONGEST_PAUSE_S)
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed, pause)

    def _compute(self, compute: Computation, snapshot: Snapshot) -> None:
        try:
            delivery = compute(snapshot)
        except Exception as error:  # noqa: BLE001  # said in the status line
            delivery = partial(_raise, error)
        if not self._is_closed:
            self._lanes.post(delivery)


def _raise(error: Exception) -> None:
    raise error
