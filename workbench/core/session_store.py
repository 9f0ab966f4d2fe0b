"""The folder of one session: its state and its arrays, for the owner alone."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import time
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

import numpy as np

from workbench.core.errors import UserError
from workbench.core.store import home, write_atomic, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9_-]{16,64}")
_STATE = "session.json"
_STALE_SECONDS = 3600
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RecursionError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


class SessionStore:
    """The folder of one session: ``home()/sessions/NAME``.

    Args:
        name: Name of an earlier session; None makes up a new one that cannot be
            guessed, since whoever knows a session's name can open it.

    Raises:
        UserError: If the name is none that was made up here.

    Attributes:
        name: The session's name.
        folder: Its folder, made at the first save.
    """

    def __init__(self, name: str | None = None) -> None:
        """Name the folder; nothing is written yet."""
        if name is None:
            name = secrets.token_urlsafe(16)
        if not _NAME.fullmatch(name):
            raise UserError("store.session_name", received=name)
        self.name = name
        self.folder: Path = home() / "sessions" / name
        _sweep(self.folder)

    def save(self, state: Mapping[str, Any]) -> None:
        """Write the state, JSON values, in place of the last one.

        Raises:
            UserError: If it cannot be written; the last one stays.
        """
        text = json.dumps(state, ensure_ascii=False, indent=1) + "\n"
        _make_private(self.folder)
        write_atomic(self.folder / _STATE, text)

    def load(self) -> dict[str, Any] | None:
        """The state that was saved last; None where there is none.

        Raises:
            UserError: If the file is damaged. It is kept aside under another name,
                so that the next call finds none and the session starts afresh.
        """
        return self._read(_STATE, _read_state)

    def save_arrays(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write named arrays, such as the best weights, as ``KEY.npz``.

        Args:
            key: Word for the file, of letters, digits, ``_`` and ``-``.
            arrays: Arrays by any name; no objects.

        Raises:
            UserError: If they cannot be written; the last ones stay.
        """
        _make_private(self.folder)
        path = self.folder / f"{key}.npz"
        write_atomic(path, lambda file: _pack(file, arrays))

    def load_arrays(self, key: str) -> dict[str, NDArray[Any]] | None:
        """The arrays that were saved last under a key; None where there are none.

        Raises:
            UserError: If the file is damaged; it is kept aside, as by `load`.
        """
        return self._read(f"{key}.npz", _unpack)

    def _read(self, name: str, read: Callable[[Path], T]) -> T | None:
        path = self.folder / name
        try:
            return read(path)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise UserError("store.unreadable", path=path) from error
        except _DAMAGE as error:
            raise self.set_aside(name) from error

    def set_aside(self, name: str = _STATE) -> UserError:
        """Keep a file aside that cannot be used; the error that says so."""
        path = self.folder / name
        return UserError("store.damaged", path=path, kept=_keep_aside(path))


def _make_private(folder: Path) -> None:
    """Make a folder and what leads to it, for the owner alone."""
    with writing(folder):
        for part in (*reversed(folder.parents), folder):
            if not part.exists():
                part.mkdir(mode=0o700, exist_ok=True)


def _keep_aside(path: Path) -> Path:
    kept = path.with_name(f"{path.name}.{secrets.token_hex(4)}.damaged")
    try:
        path.rename(kept)
    except OSError:
        return path
    return kept


def _read_state(path: Path) -> dict[str, Any]:
    state: Any = json.loads(path.read_text("utf-8"))
    if not isinstance(state, dict):
        raise ValueError(state)
    return cast("dict[str, Any]", state)


def _pack(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, values, allow_pickle=False)


def _unpack(path: Path) -> dict[str, NDArray[Any]]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _sweep(folder: Path) -> None:
    """Remove what a killed process left half written long ago."""
    oldest = time.time() - _STALE_SECONDS
    with contextlib.suppress(OSError):
        for draft in folder.glob(".*.part"):
            if draft.stat().st_mtime < oldest:
                draft.unlink()
