"""Integers of fewer than 8 bits in bytes."""

from typing import Any

import numpy as np
import pytest

from workbench.export.packing import INT2, INT4, packed, unpacked


@pytest.mark.parametrize("shape", [(16,), (3, 5), (2, 3, 3, 1), (1,), (0,)])
@pytest.mark.parametrize(("kind", "least"), [(INT2, -2), (INT4, -8)])
def test_what_was_packed_is_unpacked(
    kind: np.dtype[Any], least: int, shape: tuple[int, ...]
) -> None:
    size = int(np.prod(shape))
    values = np.resize(np.arange(least, -least), size).reshape(shape)
    content = packed(values.astype(kind))
    assert content.dtype == np.uint8
    assert content.size == -(-size * (4 if kind == INT4 else 2) // 8)
    again = unpacked(content.tobytes(), kind, shape)
    assert again.dtype == kind
    assert np.array_equal(again.astype(int), values)


def test_the_first_is_in_the_lowest_bits() -> None:
    assert packed(np.array([1, -1, 7]).astype(INT4)).tolist() == [0xF1, 0x07]
    assert packed(np.array([1, -1, 0, -2, 1]).astype(INT2)).tolist() == [0x8D, 0x01]
