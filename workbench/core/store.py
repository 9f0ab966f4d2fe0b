"""Where the product keeps and writes files: whole, or not at all.

Everything is written beside its place under a temporary name and then renamed, so that
a full disk, a missing permission or a killed process leaves what was there before. A
failure becomes one sentence that says so.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import time
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

import numpy as np

from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from numpy.typing import NDArray

    Content = bytes | str | Callable[[BinaryIO], object]

T = TypeVar("T")
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
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


def home() -> Path:
    """The folder of everything that is kept for the user.

    It is ``WORKBENCH_HOME`` where that is set, else ``.compression-workbench`` in the
    user's home directory. It need not exist yet.

    Raises:
        UserError: If the user has no home directory.
    """
    try:
        named = os.environ.get("WORKBENCH_HOME")
        if named:
            return Path(named).expanduser().absolute()
        return Path.home() / ".compression-workbench"
    except RuntimeError as error:
        raise UserError("store.no_home") from error


def write_atomic(path: Path, content: Content) -> None:
    """Write a file whole, or leave what is there.

    Args:
        path: The file; its folder exists.
        content: Bytes, text (stored as UTF-8), or a function that writes to the open
            file it is given.

    Raises:
        UserError: If the disk is full or the folder cannot be written.
    """
    draft = _beside(path, "part")
    with writing(path):
        try:
            _write(draft, content)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def publish(
    folder: Path, *, mark: str, force: bool = False
) -> Generator[Path, None, None]:
    """Make an output folder whole, or not at all.

    ```
    with publish(folder, mark="resolved.json") as draft:
        write_atomic(draft / "resolved.json", text)
    ```

    Args:
        folder: The folder to make; an empty one may be there already.
        mark: Name of a file that every such folder holds. Only a folder that holds
            it is ever replaced, so that no other folder is lost by a slip.
        force: Whether a folder that is there is replaced.

    Yields:
        An empty folder beside it to write into; it becomes `folder` at the end, and
        is removed where the body fails.

    Raises:
        UserError: If the folder may not be replaced or something cannot be written.
    """
    folder = Path(folder).absolute()
    check_publishable(folder, mark=mark, force=force)
    draft = _beside(folder, "part")
    try:
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            draft.mkdir()
        try:
            yield draft
        except OSError as error:
            if is_disk_error(error):
                raise _refusal(folder, error) from error
            raise
        with writing(folder):
            _swap(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_publishable(folder: Path, *, mark: str, force: bool = False) -> None:
    """Refuse a folder that `publish` would refuse; worth asking before long work.

    Raises:
        UserError: If there is something that may not be replaced, or no folder can
            be made there.
    """
    with writing(folder):
        if not folder.exists():
            _check_place(folder.absolute())
            return
        if folder.is_dir() and not any(folder.iterdir()):
            return
        if not force:
            raise UserError("store.exists", path=folder)
        if not (folder / mark).is_file():
            raise UserError("store.foreign", path=folder, mark=mark)


def _check_place(folder: Path) -> None:
    """Refuse a place where no folder can be made, as the system would later."""
    nearest = next(parent for parent in folder.parents if parent.exists())
    number = errno.EACCES if nearest.is_dir() else errno.ENOTDIR
    if number == errno.ENOTDIR or not os.access(nearest, os.W_OK):
        raise OSError(number, os.strerror(number))


def is_disk_error(error: OSError) -> bool:
    """Whether the system refused to write: no space, or no permission."""
    return error.errno in _FULL | _DENIED


@contextlib.contextmanager
def writing(path: Path) -> Generator[None, None, None]:
    """Turn the system's refusals to write into one sentence each.

    Args:
        path: What is being written, for the message.

    Raises:
        UserError: If the disk is full, a permission is missing, or the system cannot
            write for another reason.
    """
    try:
        yield
    except OSError as error:
        raise _refusal(path, error) from error


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


def _refusal(path: Path, error: OSError) -> UserError:
    key = "store.failed"
    if error.errno in _FULL:
        key = "store.full"
    elif error.errno in _DENIED:
        key = "store.denied"
    return UserError(key, path=path, reason=error.strerror or error)


def _write(path: Path, content: Content) -> None:
    """Write a new file and see it on the disk: the one place that writes."""
    with path.open("xb") as file:
        if callable(content):
            content(file)
        else:
            file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.{suffix}")


def _swap(draft: Path, folder: Path) -> None:
    """Put a finished draft in a folder's place; on failure the old one stays."""
    if not folder.exists():
        draft.rename(folder)
        return
    old = _beside(folder, "old")
    folder.rename(old)
    try:
        draft.rename(folder)
    except BaseException:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


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
