"""The plan of a retraining: which samples, in which order, at which rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WARM_UP = 0.1
HELD_OUT = 0.1
MOST_HELD_OUT = 5000


def learning_rates(steps: int, peak: float) -> NDArray[np.float32]:
    """The rate of each step: a warm-up, then a cosine towards zero.

    ``peak * t / warm`` for step t = 1 ... ``warm = ceil(0.1 * steps)``, then
    ``peak * (1 + cos(pi * u)) / 2`` with u between 0 and 1 over the rest.

    Args:
        steps: Steps in all, at least 1.
        peak: Highest rate.

    Returns:
        Positive rates, float32 (steps,).
    """
    warm = int(np.ceil(WARM_UP * steps))
    rest = steps - warm
    rising = np.arange(1, warm + 1) / warm
    falling = (1 + np.cos(np.pi * np.arange(1, rest + 1) / (rest + 1))) / 2
    return (peak * np.concatenate([rising, falling])).astype(np.float32)


def split(
    samples: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Samples to train on, and a tenth of them, at most 5,000, held out.

    Args:
        samples: How many there are; a single one is in both parts.
        rng: Draws them.

    Returns:
        Indices of both parts, each ascending.
    """
    held = min(MOST_HELD_OUT, max(1, round(HELD_OUT * samples)))
    order = rng.permutation(samples)
    kept = order[held:] if samples > held else order
    return np.sort(kept), np.sort(order[:held])


def batches(
    kept: NDArray[np.int64], size: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """An epoch's batches: a shuffle, without the rest that fills no batch.

    Args:
        kept: Indices of the samples to train on.
        size: Samples a step, at most all.
        rng: Shuffles.

    Returns:
        Indices, (steps, batch).
    """
    steps = len(kept) // size
    return rng.permutation(kept)[: steps * size].reshape(steps, size)
