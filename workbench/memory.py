"""What a session remembers between kernels, in its folder."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.core.checkpoint import from_arrays, to_arrays
from workbench.core.history import Timeline, Visit
from workbench.core.store import SessionStore, home, write_atomic, writing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.core.measurement import Retrained

_ARRAYS = "retrained"


@dataclass(frozen=True)
class Earlier:
    """Where a session stopped.

    Attributes:
        timeline: Recipe, with those to undo and redo.
        history: The visited settings.
        budget: Bytes to stay below, or None.
        view: What is selected, hidden and shown.
        source: The model and data it was about, as text.
        retrained: The last retrained network, or None.
    """

    timeline: Timeline
    history: tuple[Visit, ...]
    budget: float | None
    view: Mapping[str, Any]
    source: str
    retrained: Retrained | None


def notebook_session(notebook: str) -> str:
    """The name of a notebook's last session, or of a new one that it gets.

    Args:
        notebook: What tells the notebook from others: its path, and what it opens.

    Raises:
        UserError: If the name cannot be kept.
    """
    folder = home() / "notebooks"
    path = folder / hashlib.sha256(notebook.encode()).hexdigest()
    with contextlib.suppress(OSError):
        return path.read_text("utf-8")
    name = SessionStore().name
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
    write_atomic(path, name)
    return name


class Memory:
    """The session's folder, written by whichever lane has news.

    Args:
        name: Name of an earlier session, or None for a new one.

    Raises:
        UserError: If the name is none that was made up here.
    """

    def __init__(self, name: str | None = None) -> None:
        """Name the folder; nothing is written yet."""
        self._store = SessionStore(name)
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The session's unguessable name."""
        return self._store.name

    def save(
        self,
        timeline: Timeline,
        history: tuple[Visit, ...],
        budget: float | None,
        view: Mapping[str, Any],
        source: str,
    ) -> None:
        """Write the state in place of the last one.

        Raises:
            UserError: If it cannot be written; the last one stays.
        """
        state = {
            "timeline": timeline.to_json(),
            "history": [visit.to_json() for visit in history],
            "budget": budget,
            "view": dict(view),
            "source": source,
        }
        with self._lock:
            self._store.save(state)

    def keep(self, retrained: Retrained) -> None:
        """Write retrained weights in place of the last ones.

        Raises:
            UserError: If they cannot be written; the last ones stay.
        """
        with self._lock:
            self._store.save_arrays(_ARRAYS, to_arrays(retrained))

    def load(self) -> Earlier | None:
        """Where the session stopped; None for a new one.

        Raises:
            UserError: If the file is damaged; it is kept aside.
        """
        state = self._store.load()
        if state is None:
            return None
        arrays = self._store.load_arrays(_ARRAYS)
        return Earlier(
            Timeline.from_json(state["timeline"]),
            tuple(Visit.from_json(visit) for visit in state["history"]),
            state["budget"],
            state["view"],
            state["source"],
            None if arrays is None else from_arrays(arrays),
        )
