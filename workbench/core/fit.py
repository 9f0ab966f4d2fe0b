"""Bring what was decided to the bytes that are wished for, by coding it.

Sizes in a database are estimates: of some rows, of layers repaired by themselves. So a
decision is coded, and decided again for what its file takes more or less, until one
fits that leaves nearly nothing unused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.core.decision import decide

if TYPE_CHECKING:
    from workbench.core.decision import Decision
    from workbench.core.levels import Database

# What may stay unused of a wish, and how often it is decided again for less than that.
SPARE = 0.01
TRIES = 4
_MOST_TRIES = 8
# Where more than was wished for came out, somewhat less is asked for.
_CAUTION = 0.997


@dataclass
class Fit:
    """The search for one wish.

    Attributes:
        first: What was decided by the estimates.
        database: The levels to choose from.
        best: The largest that was coded and fits; else the smallest that was coded.
    """

    first: Decision
    database: Database
    best: Decision | None = None

    def __post_init__(self) -> None:
        """Nothing is coded yet."""
        self._tries = 0
        self._fits, self._exceeds = 0.0, float("inf")

    @property
    def wished(self) -> float:
        """Bytes that are wished for."""
        wish = self.first.recipe.wish
        assert wish is not None
        assert wish.nbytes is not None
        return wish.nbytes

    def coded(self, decision: Decision, nbytes: int, others: int) -> Decision | None:
        """Take down what the file of a decision takes.

        Args:
            decision: With what was estimated.
            nbytes: What it takes.
            others: How much of this is no kernel: repairs change biases.

        Returns:
            What to code next; None where `best` is what there is.
        """
        self._tries += 1
        is_fit = nbytes <= self.wished
        self._rank(replace(decision, nbytes=nbytes, is_coded=True), is_fit=is_fit)
        if is_fit:
            self._fits = max(self._fits, decision.nbytes)
        else:
            self._exceeds = min(self._exceeds, decision.nbytes)
        is_near = is_fit and nbytes >= (1 - SPARE) * self.wished
        most = TRIES if self._fits else _MOST_TRIES
        if is_near or self._tries >= most:
            return None
        budget = self._budget(decision, nbytes, others)
        found = decide(self.first.recipe, self.database, budget)
        is_known = not self._fits < found.nbytes < self._exceeds
        return None if is_known else found

    def _rank(self, decision: Decision, *, is_fit: bool) -> None:
        best = self.best
        if best is None:
            self.best = decision
            return
        sizes = (best.nbytes, decision.nbytes)
        wished = max(sizes) if is_fit and best.nbytes <= self.wished else min(sizes)
        self.best = decision if decision.nbytes == wished else best

    def _budget(self, decision: Decision, nbytes: int, others: int) -> float:
        """Estimated bytes that are likely to come to those wished for."""
        estimated = decision.nbytes - self.database.others
        rate = estimated / max(nbytes - others, 1)
        caution = _CAUTION if nbytes > self.wished else 1.0
        budget = self.database.others + (self.wished - others) * rate * caution
        return min(budget, self._exceeds - 1)
