"""Memory that is of no use any more, given back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import gc


def give_back() -> None:
    """Free what a phase leaves behind, and give back what the C library keeps of it.

    TensorFlow's graphs refer to themselves: only the collector of cycles frees them,
    and to it they look much smaller than they are. Results leave holes behind that no
    later phase fits into: a session that opens would take the sum of what its phases
    need, not the most.
    """
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
