"""The lesson "zeros, channels, a smaller model"."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from workbench.lessons import channels
from workbench.lessons.lesson import Lesson, Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.lessons.feedback import Feedback, Voice

GUESSES: Mapping[str, Question] = {
    "score": channels.score,
    "repair": channels.repair,
}
EXERCISES: Mapping[str, Question] = {
    "masked": channels.masked,
    "units": channels.units,
    "limit": channels.limit,
}


class Structure(Lesson):
    """The questions of the third lesson."""

    voice: ClassVar[Voice] = channels.VOICE
    guesses: ClassVar[Mapping[str, Question]] = GUESSES
    exercises: ClassVar[Mapping[str, Question]] = EXERCISES

    async def running(self) -> Feedback:
        """Count what runs once it is saved: with zeros, and without channels."""
        return await self._safely(channels.running(self.session))
