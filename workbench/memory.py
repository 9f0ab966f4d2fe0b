"""What a session remembers between kernels, in its folder."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.core.checkpoint import from_arrays, to_arrays
from workbench.core.history import Timeline, Visit
from workbench.core.session_store import SessionStore
from workbench.core.store import home, write_atomic, writing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.core.measurement import Retrained

_ARRAYS = "retrained"
_DAMAGE = (AttributeError, IndexError, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Earlier:
    """Where a session stopped.

    Attributes:
        timeline: Recipe, with those to undo and redo.
        history: The visited settings.
        budget: Bytes to stay below, or None.
        view: What is hidden and shown.
        selection: Paths of the selected kernels.
        source: The model and data it was about, as text.
        weights: Hash of the original's kernels; empty where they were not read yet.
    """

    timeline: Timeline
    history: tuple[Visit, ...]
    budget: float | None
    view: Mapping[str, Any]
    selection: tuple[str, ...]
    source: str
    weights: str

    def to_json(self) -> dict[str, Any]:
        """The state as JSON values."""
        return {
            "timeline": self.timeline.to_json(),
            "history": [visit.to_json() for visit in self.history],
            "budget": self.budget,
            "view": dict(self.view),
            "selection": list(self.selection),
            "source": self.source,
            "weights": self.weights,
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Earlier:
        """The state from JSON values.

        Raises:
            UserError: If one of its recipes is none.
            KeyError: If something is missing.
            TypeError: If something is of another type.
            ValueError: If a number is none.
        """
        budget = state["budget"]
        return cls(
            Timeline.from_json(state["timeline"]),
            tuple(Visit.from_json(visit) for visit in state["history"]),
            None if budget is None else float(budget),
            dict(state["view"]),
            tuple(map(str, state.get("selection", ()))),
            str(state["source"]),
            str(state.get("weights", "")),
        )


def notebook_session(notebook: str) -> str:
    """The name of a notebook's last session, or of a new one that it gets.

    Args:
        notebook: What tells the notebook from others: its path, and what it opens.

    Raises:
        UserError: If the name cannot be kept.
    """
    folder = home() / "notebooks"
    path = folder / hashlib.sha256(notebook.encode()).hexdigest()
    with contextlib.suppress(OSError, UnicodeDecodeError):
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

    def save(self, state: Earlier) -> None:
        """Write the state in place of the last one.

        Raises:
            UserError: If it cannot be written; the last one stays.
        """
        with self._lock:
            self._store.save(state.to_json())

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
        try:
            return Earlier.from_json(state)
        except _DAMAGE as error:
            raise self._store.set_aside() from error

    def load_retrained(self) -> Retrained | None:
        """The last retrained network; None where there is none.

        Raises:
            UserError: If the file is damaged; it is kept aside.
        """
        arrays = self._store.load_arrays(_ARRAYS)
        try:
            return None if arrays is None else from_arrays(arrays)
        except _DAMAGE as error:
            raise self._store.set_aside(f"{_ARRAYS}.npz") from error

    def drop_retrained(self) -> None:
        """Keep retrained weights of another model aside."""
        self._store.set_aside(f"{_ARRAYS}.npz")
