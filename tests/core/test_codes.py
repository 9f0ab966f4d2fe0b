"""Codes decode to the values that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.core.codes import Codebook, LowRank
from workbench.core.tensor import CompressedTensor

RNG = np.random.default_rng(3)


def test_a_codebook_for_the_tensor():
    centroids = np.array([-1, 0, 2], np.float32)
    indexes = RNG.integers(0, 3, (4, 5)).astype(np.uint8)
    code = Codebook(indexes, centroids[None, None], bits=2)
    assert np.array_equal(code.decode(), centroids[indexes])
    assert code.table_bits == 3 * 32


def test_a_codebook_for_each_channel():
    centroids = RNG.normal(size=(1, 5, 4)).astype(np.float32)
    indexes = RNG.integers(0, 4, (3, 5)).astype(np.uint8)
    decoded = Codebook(indexes, centroids, bits=2).decode()
    for channel in range(5):
        expected = centroids[0, channel][indexes[:, channel]]
        assert np.array_equal(decoded[:, channel], expected)


@pytest.mark.parametrize(
    "shapes",
    [[(6, 2), (2, 4)], [(1, 1, 5, 2), (3, 3, 2, 3), (1, 1, 3, 4)]],
)
def test_factors_multiply(shapes):
    factors = [RNG.normal(size=shape).astype(np.float32) for shape in shapes]
    shape = (6, 4) if len(shapes) == 2 else (3, 3, 5, 4)
    code = LowRank(tuple(map(CompressedTensor.of, factors)), shape)
    if len(shapes) == 2:
        expected = factors[0] @ factors[1]
    else:
        first, core, last = factors
        expected = np.einsum("ir,hwrs,so->hwio", first[0, 0], core, last[0, 0])
    assert code.decode().shape == shape
    np.testing.assert_allclose(code.decode(), expected, rtol=1e-4, atol=1e-5)
    assert code.bits == 32
