"""The compiled loops of `workbench.core.radix`.

A key is the bits of a float32 as an integer that is ordered as the float is; the same
change makes a float's bits of it again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.core.compiled import compiled

_fast: Any = compiled(nogil=True, cache=True)

# A key's 32 bits: its bucket, and two digits within it.
_SHIFT, _BUCKETS = 20, 1 << 12
_BITS, _DIGITS = 10, 1 << 10
_FEW = 32


@_fast
def count(bits: Any) -> Any:
    """Number of keys in each bucket, from the bits of floats."""
    counts = np.zeros(_BUCKETS, np.int64)
    for i in range(bits.size):
        counts[(_turned(bits[i]) >> _SHIFT) + _BUCKETS // 2] += 1
    return counts


@_fast
def spread(bits: Any, places: Any, keys: Any) -> None:
    """Put the keys of some floats into their buckets.

    Args:
        bits: Those of the floats.
        places: Where the next key of each bucket goes; moved on.
        keys: Of all floats, to be filled in.
    """
    for i in range(bits.size):
        key = _turned(bits[i])
        bucket = (key >> _SHIFT) + _BUCKETS // 2
        keys[places[bucket]] = key
        places[bucket] += 1


@_fast
def finish(keys: Any, ends: Any, begin: Any, stop: Any) -> None:
    """Sort the buckets that begin within a range, and make floats of their keys again.

    Args:
        keys: Those of all floats, in their buckets; what is left are bits of floats.
        ends: Where each bucket ends.
        begin: Where the range begins.
        stop: Where it ends.
    """
    largest, first = 0, 0
    for end in ends:
        if begin <= first < stop:
            largest = max(largest, end - first)
        first = end
    beside = np.empty(largest, np.int32)
    first = 0
    for end in ends:
        if begin <= first < stop:
            if end - first > _FEW:
                _by_digits(keys[first:end], beside)
            else:
                _by_insertion(keys[first:end])
        first = end


@_fast
def _by_digits(keys: Any, beside: Any) -> None:
    low, high = np.zeros(_DIGITS + 1, np.int64), np.zeros(_DIGITS + 1, np.int64)
    for i in range(keys.size):
        low[(keys[i] & (_DIGITS - 1)) + 1] += 1
        high[((keys[i] >> _BITS) & (_DIGITS - 1)) + 1] += 1
    for digit in range(_DIGITS):
        low[digit + 1] += low[digit]
        high[digit + 1] += high[digit]
    for i in range(keys.size):
        digit = keys[i] & (_DIGITS - 1)
        beside[low[digit]] = keys[i]
        low[digit] += 1
    for i in range(keys.size):
        digit = (beside[i] >> _BITS) & (_DIGITS - 1)
        keys[high[digit]] = _turned(beside[i])
        high[digit] += 1


@_fast
def _by_insertion(keys: Any) -> None:
    for i in range(keys.size):
        key = keys[i]
        at = i
        while at > 0 and keys[at - 1] > key:
            keys[at] = keys[at - 1]
            at -= 1
        keys[at] = key
    for i in range(keys.size):
        keys[i] = _turned(keys[i])


@_fast
def _turned(bits: Any) -> Any:
    """The key of a float's bits, or the bits of a key, int32."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


@_fast
def block_sums(values: Any, block: Any, sums: Any, squares: Any) -> None:
    """Sums of the values, and of their squares, in blocks.

    Args:
        values: Float32; the last block may have fewer.
        block: Values in a block.
        sums: One for each block, to be filled in.
        squares: The same.
    """
    for k in range(sums.size):
        total, energy = 0.0, 0.0
        for i in range(k * block, min((k + 1) * block, values.size)):
            value = np.float64(values[i])
            total += value
            energy += value * value
        sums[k], squares[k] = total, energy
