"""The lesson "threshold, sparsity, accuracy, retraining"."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from workbench.lessons import exercises, figures, guesses
from workbench.lessons.lesson import Lesson, Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.lessons.feedback import Feedback

GUESSES: Mapping[str, Question] = {
    "share": guesses.share,
    "left": guesses.left,
    "scope": guesses.scope,
    "recovery": guesses.recovery,
}
EXERCISES: Mapping[str, Question] = {
    "half": exercises.half,
    "file": exercises.file,
    "limit": exercises.limit,
    "survivors": exercises.survivors,
    "step": exercises.step,
    "goal": exercises.goal,
}


class Pruning(Lesson):
    """The questions of the first lesson."""

    guesses: ClassVar[Mapping[str, Question]] = GUESSES
    exercises: ClassVar[Mapping[str, Question]] = EXERCISES

    async def curve(self, *sparsities: float) -> Feedback:
        """Prune every kernel to each sparsity in turn, and measure.

        Args:
            *sparsities: Shares of zeros, 0 to 0.999.
        """
        return await self._safely(self._curve(sparsities))

    async def _curve(self, sparsities: tuple[float, ...]) -> Feedback:
        recipes = {figures.percent(each): guesses.pruned(each) for each in sparsities}
        return await self._measured("curve", recipes)
