"""Sorting by digits gives what NumPy gives, whatever the values are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from workbench.core.fused import LARGE
from workbench.core.radix import block_sums, sorted_copy

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 5 * LARGE + 3


def values(kind: str) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    if kind == "bits":
        bits = rng.integers(-(2**31), 2**31, SIZE, dtype=np.int64).astype(np.int32)
        every = bits.view(np.float32)
        return np.where(np.isfinite(every), every, np.float32(0))
    made = {
        "normal": lambda: rng.normal(size=SIZE),
        "one_octave": lambda: rng.uniform(1, 2, SIZE),
        "equal": lambda: np.full(SIZE, -0.5),
        "grid": lambda: np.rint(rng.normal(size=SIZE) * 3),
        "pruned": lambda: np.where(rng.random(SIZE) < 0.9, 0, rng.normal(size=SIZE)),
        "few": lambda: rng.normal(size=7),
        "none": lambda: np.zeros(0),
    }
    return made[kind]().astype(np.float32)


@pytest.mark.parametrize(
    "kind",
    ["normal", "one_octave", "equal", "grid", "pruned", "bits", "few", "none"],
)
def test_it_sorts(kind: str) -> None:
    given = values(kind)
    before = given.copy()
    assert np.array_equal(sorted_copy(given), np.sort(given))
    assert np.array_equal(given, before)


def test_it_sorts_what_lies_apart_in_memory() -> None:
    given = values("normal")[: 4 * LARGE].reshape(4, -1).T
    assert np.array_equal(sorted_copy(given), np.sort(given, axis=None))


@pytest.mark.parametrize("size", [0, 1, 32, 33, 1000, SIZE])
def test_sums_of_blocks(size: int) -> None:
    given = values("normal")[:size]
    sums, squares = block_sums(given, 32)
    padded = np.pad(given.astype(np.float64), (0, -size % 32)).reshape(-1, 32)
    assert np.allclose(sums, padded.sum(axis=1), rtol=1e-12, atol=1e-12)
    assert np.allclose(squares, np.square(padded).sum(axis=1), rtol=1e-12)
