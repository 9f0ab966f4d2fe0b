"""How far compressed weights are from the original's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def sqnr(
    originals: Sequence[NDArray[np.float32]], compressed: Sequence[NDArray[np.float32]]
) -> float:
    """Signal to quantization-and-pruning noise, ``10 log10(sum w^2 / sum (w'-w)^2)``.

    Args:
        originals: Tensors before, float32.
        compressed: The same tensors after, in the same order.

    Returns:
        Decibels; infinite where nothing changed.
    """
    signal = noise = 0.0
    for before, after in zip(originals, compressed, strict=True):
        gap = np.subtract(after, before).ravel()
        signal += float(np.vdot(before, before))
        noise += float(np.vdot(gap, gap))
    if noise == 0:
        return float("inf")
    return 10 * float(np.log10(max(signal, np.finfo(np.float32).tiny) / noise))
