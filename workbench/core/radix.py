"""Sorting of many float32, and sums over them, on several threads.

Their leading bits put them into buckets, and the digits of what is left sort each of
these where a cache holds it. NumPy's sort takes three to nine times as long
for weights that all differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core import radix_kernels
from workbench.core.fused import LARGE, in_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray


def sorted_copy(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values in ascending order, flat.

    Args:
        values: Any shape, float32, finite.
    """
    if values.size < LARGE:
        return np.sort(values, axis=None)
    bits = values.reshape(-1).view(np.int32)
    shape = (1, bits.size)
    begins, counts = zip(
        *in_parts(shape, lambda _, part: (part.start, radix_kernels.count(bits[part]))),
        strict=True,
    )
    # A bucket holds what each part has of it, one after the other.
    after = np.cumsum(np.array(counts).T).reshape(-1, len(counts)).T
    places = dict(zip(begins, after - counts, strict=True))
    ends = after[-1]
    keys = np.empty(bits.size, np.int32)

    def spread(_: slice, part: slice) -> None:
        radix_kernels.spread(bits[part], places[part.start].copy(), keys)

    def finish(_: slice, part: slice) -> None:
        radix_kernels.finish(keys, ends, part.start, part.stop)

    in_parts(shape, spread)
    in_parts(shape, finish)
    return keys.view(np.float32)


def block_sums(
    values: NDArray[np.float32], block: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of values, and of their squares, in blocks.

    Args:
        values: Flat; the last block may have fewer.
        block: Values in a block.
    """
    if values.size < LARGE:
        padded = np.pad(values.astype(np.float64), (0, -values.size % block))
        blocks = padded.reshape(-1, block)
        return blocks.sum(axis=1), np.einsum("ij,ij->i", blocks, blocks)
    sums, squares = np.empty((2, -(-values.size // block)))

    def add(part: slice, _: slice) -> None:
        own = values[part.start * block : part.stop * block]
        radix_kernels.block_sums(own, block, sums[part], squares[part])

    in_parts((sums.size, block), add)
    return sums, squares
