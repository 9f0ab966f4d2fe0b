"""The lesson "thin matrices, ranks, what a layer sees"."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from workbench.lessons import product_exercises, products
from workbench.lessons.lesson import Lesson, Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.lessons.feedback import Feedback, Voice
    from workbench.session import Session

GUESSES: Mapping[str, Question] = {
    "naive": products.naive,
    "aware": products.aware,
    "windows": products.windows,
}
EXERCISES: Mapping[str, Question] = {
    "count": product_exercises.count,
    "even": product_exercises.even,
    "kernel": product_exercises.kernel,
    "distance": product_exercises.distance,
    "limit": product_exercises.limit,
    "tucker": product_exercises.tucker,
}


class Factorization(Lesson):
    """The questions of the fourth lesson."""

    voice: ClassVar[Voice] = products.VOICE
    guesses: ClassVar[Mapping[str, Question]] = GUESSES
    exercises: ClassVar[Mapping[str, Question]] = EXERCISES

    async def ranks(self) -> Feedback:
        """What some ranks of the first kernel cost and lose."""
        return await self._safely(products.ranks(self.session))

    async def turn_to(self, session: Session) -> Feedback:
        """Go on with the model of another session.

        Args:
            session: That of another dashboard.
        """
        self.session = session
        return await self.open()

    async def layers(self) -> Feedback:
        """The kernels that are saved for the setting that is on the screen."""
        return await self._safely(products.layers(self.session))
