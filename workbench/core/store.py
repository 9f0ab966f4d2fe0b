"""Where the product keeps and writes files: whole, or not at all.

Everything is written beside its place under a temporary name and then renamed, so that
a full disk, a missing permission or a killed process leaves what was there before. A
failure becomes one sentence that says so.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Content = bytes | str | Callable[[BinaryIO], object]

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


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
