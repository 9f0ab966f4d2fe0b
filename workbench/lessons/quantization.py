"""The lesson "bits, ranges, rounding"."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from workbench.lessons import bits
from workbench.lessons.lesson import Lesson, Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.lessons.feedback import Feedback, Voice

GUESSES: Mapping[str, Question] = {
    "naive": bits.naive,
    "granularity": bits.granularity,
    "feedback": bits.feedback,
}
EXERCISES: Mapping[str, Question] = {
    "levels": bits.levels,
    "zeros": bits.zeros,
    "plain": bits.plain,
    "step": bits.step,
    "distance": bits.distance,
    "repaired": bits.repaired,
}


class Quantization(Lesson):
    """The questions of the second lesson."""

    voice: ClassVar[Voice] = bits.VOICE
    guesses: ClassVar[Mapping[str, Question]] = GUESSES
    exercises: ClassVar[Mapping[str, Question]] = EXERCISES

    async def curve(self, *widths: int) -> Feedback:
        """Round every kernel to each bit width in turn, one step a kernel.

        Args:
            *widths: Bits of a weight, 2 to 16.
        """
        return await self._safely(self._curve(widths))

    async def forms(self, width: int) -> Feedback:
        """Round every kernel in each form, from the naive one to the last repair.

        Args:
            width: Bits of a weight, 2 to 16.
        """
        return await self._safely(self._forms(width))

    async def _curve(self, widths: tuple[int, ...]) -> Feedback:
        recipes = {str(width): bits.rounded("naive", width) for width in widths}
        return await self._measured("curve", recipes)

    async def _forms(self, width: int) -> Feedback:
        recipes = {
            self.voice.word(self.session, f"form.{form}"): bits.rounded(form, width)
            for form in bits.FORMS
        }
        return await self._measured("forms", recipes)
