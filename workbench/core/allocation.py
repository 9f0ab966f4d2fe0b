"""One wish over several tensors: how many weights each of them gives up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.index import MagnitudeIndex, cut

if TYPE_CHECKING:
    from collections.abc import Sequence


def global_shares(indexes: Sequence[MagnitudeIndex], sparsity: float) -> list[int]:
    """Weights to prune from each tensor by one threshold over all of them.

    Where weights tie at the cut, the tensors that come first prune theirs.

    Args:
        indexes: Those of the tensors.
        sparsity: Fraction of all weights to prune, 0 to 1.
    """
    wanted = _wanted(indexes, sparsity)
    threshold = cut(indexes, wanted)
    below = np.nextafter(threshold, np.float32(0))
    least = [index.pruned(below) for index in indexes]
    return _filled(least, [index.pruned(threshold) for index in indexes], wanted)


def lamp_shares(indexes: Sequence[MagnitudeIndex], sparsity: float) -> list[int]:
    """Weights to prune from each tensor by one threshold on their LAMP scores.

    The score of a weight is the part of what is left of its tensor's energy that goes
    with it, ``w[u]**2 / sum of w[v]**2 over v >= u`` in ascending order of magnitude,
    so the scales of different layers do not matter. Each tensor keeps at least one
    weight. Source: Lee et al. 2021, arXiv 2010.07611.

    Args:
        indexes: Those of the tensors.
        sparsity: Fraction of all weights to prune, 0 to 1.
    """
    kept = sum(index.size > 0 for index in indexes)
    wanted = min(
        _wanted(indexes, sparsity), sum(index.size for index in indexes) - kept
    )
    low, high = 0, int(np.float32(2).view(np.int32))
    while low < high:
        middle = (low + high) // 2
        if sum(_below(index, middle) for index in indexes) >= wanted:
            high = middle
        else:
            low = middle + 1
    least = [_below(index, low - 1) if low else 0 for index in indexes]
    return _filled(least, [_below(index, low) for index in indexes], wanted)


def _wanted(indexes: Sequence[MagnitudeIndex], sparsity: float) -> int:
    return round(sparsity * sum(index.size for index in indexes))


def _below(index: MagnitudeIndex, bits: int) -> int:
    """How many weights have a score below the float32 of these bits, less one kept."""
    score = np.int32(bits).view(np.float32)
    return min(index.lamp_below(score), max(index.size - 1, 0))


def _filled(least: list[int], most: list[int], wanted: int) -> list[int]:
    """Shares from `least` up to `most`, the first tensors first, that sum to a wish."""
    shares = list(least)
    missing = wanted - sum(shares)
    for place, limit in enumerate(most):
        tied = min(missing, limit - shares[place])
        shares[place] += tied
        missing -= tied
    return shares
