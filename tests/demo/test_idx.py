"""The IDX parser on tiny files."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from workbench.core.errors import UserError
from workbench.demo.idx import read_idx

TINY = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_reads_values_in_c_order(tmp_path: Path, pack: type[bytes]) -> None:
    file = tmp_path / "tiny"
    file.write_bytes(pack(TINY))
    values = read_idx(file)
    assert values.dtype == np.uint8
    assert values.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "does not begin like one"),
        (TINY[:7], "does not begin like one"),
        (b"\x00\x00\x0d" + TINY[3:], "does not begin like one"),
        (TINY[:-1], "must hold 6 bytes after its header. Received: 5"),
        (TINY + b"\x00", "must hold 6 bytes after its header. Received: 7"),
        (gzip.compress(TINY, mtime=0)[:-9], "readable IDX file"),
        (b"\x1f\x8b\x00broken", "readable IDX file"),
    ],
)
def test_broken_file_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "broken"
    file.write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        read_idx(file)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="readable IDX file"):
        read_idx(tmp_path / "nothing")
