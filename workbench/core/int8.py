"""How an int8 file holds integers of fewer bits; simulation and export agree on it."""

from __future__ import annotations

INT8_BITS = 8
INT8_LARGEST = 127


def int8_factor(largest: int) -> int:
    """What an int8 file multiplies integers with: as much as int8 holds.

    Integers of fewer bits become multiples, and their scale a fraction: the same real
    values, and finer steps for the bias, whose scale hangs on that of the weights.

    Args:
        largest: Largest absolute value of the integers, up to 127.
    """
    return max(1, INT8_LARGEST // max(1, largest))
