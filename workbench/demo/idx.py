"""Read the IDX files in which MNIST and Fashion-MNIST are published.

Layout: two zero bytes, one type code (8 = unsigned byte), the number of axes, one
big-endian 32-bit length for each axis, then the values in C order.
Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.core.errors import UserError

_UNSIGNED_BYTE = 8


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, plain or compressed by gzip.

    Args:
        path: The file; compression is told by its first two bytes, not by its name.

    Returns:
        The values, uint8, in the shape that the header gives.

    Raises:
        UserError: If the file cannot be read or is not such a file.
    """
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError("demo.unreadable", path=path, reason=error) from error
    return parse_idx(content, path)


def parse_idx(content: bytes, origin: Path) -> NDArray[np.uint8]:
    """Turn the decompressed bytes of an IDX file into an array.

    Args:
        content: The bytes of the file.
        origin: Where they came from, named in the error.

    Returns:
        The values, uint8, in the shape that the header gives.

    Raises:
        UserError: If header and length do not agree or the type is another one.
    """
    axes = int.from_bytes(content[3:4])
    start = 4 + 4 * axes
    if content[:3] != bytes([0, 0, _UNSIGNED_BYTE]) or len(content) < start:
        raise UserError("demo.not_idx", path=origin)
    shape = struct.unpack(f">{axes}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise UserError(
            "demo.idx_length",
            path=origin,
            expected=math.prod(shape),
            received=len(content) - start,
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
