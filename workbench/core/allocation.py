"""One wish over several tensors: how many weights each of them gives up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.index import MagnitudeIndex, cut

if TYPE_CHECKING:
    from collections.abc import Sequence


_TRIED = 32


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
    sizes = np.array([index.size for index in indexes])
    most_pruned = np.maximum(sizes - 1, 0)
    wanted = min(_wanted(indexes, sparsity), int(most_pruned.sum()))
    low, high = 0, int(np.float32(2).view(np.int32))
    least, most = np.zeros_like(sizes), sizes
    while low < high:
        # Several at once: a call costs more than a look.
        step = -(-(high - low) // _TRIED)
        tried = np.arange(low, high, step, dtype=np.int32)
        limits = zip(indexes, least.tolist(), most.tolist(), strict=True)
        scores = tried.view(np.float32)
        each = [index.lamp_below(scores, limit) for index, *limit in limits]
        below = np.stack(each, axis=1)
        enough = np.minimum(below, most_pruned).sum(axis=1) >= wanted
        first = int(enough.argmax()) if enough.any() else len(tried)
        if first < len(tried):
            high, most = int(tried[first]), below[first]
        if first:
            low, least = int(tried[first - 1]) + 1, below[first - 1]
    least, most = (np.minimum(ranks, most_pruned) for ranks in (least, most))
    return _filled(least.tolist(), most.tolist(), wanted)


def _wanted(indexes: Sequence[MagnitudeIndex], sparsity: float) -> int:
    return round(sparsity * sum(index.size for index in indexes))


def _filled(least: list[int], most: list[int], wanted: int) -> list[int]:
    """Shares from `least` up to `most`, the first tensors first, that sum to a wish."""
    shares = list(least)
    missing = wanted - sum(shares)
    for place, limit in enumerate(most):
        tied = min(missing, limit - shares[place])
        shares[place] += tied
        missing -= tied
    return shares
