"""The lesson "codebooks, zeros, coded bytes"."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from workbench.lessons import code_exercises, shared_values
from workbench.lessons.lesson import Lesson, Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.lessons.feedback import Feedback, Voice

GUESSES: Mapping[str, Question] = {
    "placing": shared_values.placing,
    "zipped": shared_values.zipped,
}
EXERCISES: Mapping[str, Question] = {
    "indexes": code_exercises.indexes,
    "fewest": code_exercises.fewest,
    "zeros": code_exercises.zeros,
    "bound": code_exercises.bound,
    "goal": code_exercises.goal,
}


class Clustering(Lesson):
    """The questions of the fifth lesson."""

    voice: ClassVar[Voice] = shared_values.VOICE
    guesses: ClassVar[Mapping[str, Question]] = GUESSES
    exercises: ClassVar[Mapping[str, Question]] = EXERCISES

    async def curve(self, *counts: int) -> Feedback:
        """Give every kernel so many values to share, each number in turn.

        Args:
            *counts: Numbers of values, 2 to 256.
        """
        return await self._safely(self._curve(counts))

    async def shares(self) -> Feedback:
        """How often the first kernel, pruned and clustered, has each value."""
        return await self._safely(shared_values.shares(self.session))

    async def packed(self) -> Feedback:
        """Write the setting on the screen as a ``.wbz`` file and unpack it again."""
        return await self._safely(shared_values.packed(self.session))

    async def _curve(self, counts: tuple[int, ...]) -> Feedback:
        recipes = {str(each): shared_values.clustered(each) for each in counts}
        return await self._measured("curve", recipes)
