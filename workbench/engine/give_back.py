"""Memory that is free, given back to the system."""

from __future__ import annotations

import contextlib
import ctypes


def give_back() -> None:
    """Give back what the C library keeps of freed memory, where it can.

    Results of TensorFlow leave holes behind that no later phase fits into: a session
    that opens would take the sum of what its phases need, not the most.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
