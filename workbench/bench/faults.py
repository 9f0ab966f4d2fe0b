"""What went wrong and nobody handled, while something ran.

Python has several places where an exception is only printed: threads, finalizers, the
event loop, loggers. Here they are counted instead.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from workbench.session import Session


class Faults(logging.Handler):
    """Collects exceptions from where a program swallows them.

    Used on a running event loop:

        with Faults() as faults:
            faults.watch(session)

    Attributes:
        said: A line for each.
    """

    def __init__(self) -> None:
        """Collect nothing yet."""
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def __enter__(self) -> Self:
        """Take the hooks' places."""
        self._loop = asyncio.get_running_loop()
        self._hooks = threading.excepthook, sys.unraisablehook
        self._loop.set_exception_handler(lambda _, about: self._of_loop(about))
        threading.excepthook = lambda args: self.add("thread", args.exc_value)
        sys.unraisablehook = lambda args: self.add("finalizer", args.exc_value)
        logging.getLogger().addHandler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the hooks back."""
        threading.excepthook, sys.unraisablehook = self._hooks
        self._loop.set_exception_handler(None)
        logging.getLogger().removeHandler(self)

    def watch(self, session: Session) -> None:
        """Hear what the lanes and the views of a session say in its status line."""
        session.observe(self._of_status, "status")

    def add(self, place: str, error: object) -> None:
        """Note something that went wrong."""
        self.said.append(f"{place}: {error!r}")

    def emit(self, record: logging.LogRecord) -> None:
        """Note what was logged as an error."""
        self.add(record.name, record.getMessage())

    def _of_loop(self, about: dict[str, Any]) -> None:
        self.add("event loop", about.get("exception") or about.get("message"))

    def _of_status(self, change: Any) -> None:
        status = change.new
        if status.is_error:
            self.add(status.key, status.detail or dict(status.values))
