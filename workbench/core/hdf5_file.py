"""The HDF5 file that a model's values are in, by itself or inside a zip.

One that is stored unpacked in a zip is read where it lies: nothing is copied.
"""

from __future__ import annotations

import io
import struct
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import h5py  # pyright: ignore[reportMissingTypeStubs] # it has none

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from _typeshed import WriteableBuffer

_ZIP = b"PK\x03\x04"
_WEIGHTS = "model.weights.h5"
# A member's header in a zip: 26 bytes, then the lengths of two fields that follow.
_HEADER_BYTES, _LENGTHS = 30, struct.Struct("<HH")
_PIECE = 2**20


@contextmanager
def opened(path: Path) -> Generator[Any]:
    """The file that a model's values are in.

    Args:
        path: Of the model; the file is closed after the ``with``.

    Raises:
        OSError: If it is damaged, as h5py says it.
        KeyError: If the zip holds no values.
    """
    if not begins_like_zip(path):
        with h5py.File(path) as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive, path.open("rb") as raw:
        info = archive.getinfo(_WEIGHTS)
        if info.compress_type == zipfile.ZIP_STORED:
            # Names in the local header may differ in length from those of the index.
            raw.seek(info.header_offset + _HEADER_BYTES - 4)
            lengths = _LENGTHS.unpack(raw.read(_LENGTHS.size))
            start = info.header_offset + _HEADER_BYTES + sum(lengths)
            content: Any = _Part(raw, start, info.file_size)
        else:
            content = io.BytesIO(archive.read(_WEIGHTS))
        with h5py.File(content) as file:
            yield file


def check(path: Path) -> None:
    """Compare values in a zip with their checksum; HDF5 alone has none.

    Raises:
        BadZipFile: If they differ.
    """
    if not begins_like_zip(path):
        return
    with zipfile.ZipFile(path) as archive, archive.open(_WEIGHTS) as member:
        while member.read(_PIECE):
            pass


def begins_like_zip(path: Path) -> bool:
    """Whether the first bytes are those of a zip."""
    with path.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP


class _Part(io.RawIOBase):
    """A part of a file, as if it were one: HDF5 inside a zip, without unpacking it."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}
        self._at = base[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        wanted = memoryview(buffer).cast("B")
        left = max(self._size - self._at, 0)
        self._file.seek(self._start + self._at)
        count = cast("Any", self._file).readinto(wanted[:left])
        self._at += count
        return count
