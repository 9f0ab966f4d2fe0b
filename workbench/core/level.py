"""A level of a kernel: a share of pruned weights and a bit width.

What lies between two levels that were tried is interpolated: sizes by the weights that
are kept, errors on both logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

from workbench.core.plan import Choice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FLOAT_BITS = 32
# A level keeps about so many of the weights of the one before it.
FINENESS = 0.96
_DIGITS = 6


@dataclass(frozen=True)
class Level:
    """One setting of one kernel.

    Attributes:
        sparsity: Fraction of its weights that are pruned.
        bits: Bit width; 32 leaves the kept weights as they are refitted.
        granularity: One scale per ``channel`` or one per ``tensor``.
        nbytes: Estimated bytes in the stream, tables included.
        kept: Number of weights that are not pruned.
        error: What the layer loses, relative to what it makes.
    """

    sparsity: float
    bits: int
    granularity: str
    nbytes: int
    kept: int
    error: float

    def choices(self) -> tuple[Choice, ...]:
        """The steps that bring a kernel to it."""
        return choices_of(self.sparsity, self.bits, self.granularity)


def filled(levels: Sequence[Level], weights: int) -> tuple[Level, ...]:
    """Levels and those between neighbours, by bit width and granularity.

    Args:
        levels: Of one kernel, by rising sparsity.
        weights: How many it has.
    """
    kinds: dict[tuple[int, str], list[Level]] = {}
    for level in levels:
        kinds.setdefault((level.bits, level.granularity), []).append(level)
    found: list[Level] = []
    for kind in kinds.values():
        for one, two in pairwise(kind):
            found += [one, *_between(one, two, weights)]
        found.append(kind[-1])
    return tuple(found)


def _between(one: Level, two: Level, weights: int) -> Iterator[Level]:
    """Levels between two of one kind."""
    fewest = max(two.kept, 1)
    steps = round(log(max(one.kept, 1) / fewest) / -log(FINENESS))
    last = one.kept
    for step in range(1, steps):
        kept = round(one.kept * (fewest / one.kept) ** (step / steps))
        if not two.kept < kept < last:
            continue
        last = kept
        yield between(one, two, kept, weights, way=step / steps)


def between(
    one: Level, two: Level, kept: int, weights: int, way: float | None = None
) -> Level:
    """The level that keeps a number of weights between those of two of one kind.

    Args:
        one: The one that keeps more.
        two: The other.
        kept: What the level keeps.
        weights: How many weights the kernel has.
        way: How far it lies from the first to the second on a logarithmic scale, 0 to
            1; None takes as far as it lies by what is kept.
    """
    part = (one.kept - kept) / (one.kept - two.kept)
    rise = two.error / one.error if one.error > 0 < two.error else 0.0
    way = part if way is None else way
    return replace(
        one,
        sparsity=round(1 - kept / weights, _DIGITS),
        nbytes=round(one.nbytes + part * (two.nbytes - one.nbytes)),
        kept=kept,
        error=one.error * rise**way if rise else part * two.error,
    )


def choices_of(sparsity: float, bits: int, granularity: str) -> tuple[Choice, ...]:
    """The steps that bring a kernel to a sparsity and a bit width."""
    made: list[Choice] = []
    if sparsity:
        made.append(pruning_of(sparsity))
        made.append(Choice.of("reconstruct"))
    if bits < FLOAT_BITS:
        made.append(
            Choice.of(
                "uniform",
                bits=bits,
                granularity=granularity,
                range="mse",
                rounding="feedback",
            )
        )
    return tuple(made)


def pruning_of(sparsity: float) -> Choice:
    """The step that prunes a kernel."""
    return Choice.of("obs", sparsity=sparsity, scope="tensor")
