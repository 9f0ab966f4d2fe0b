"""How far can one go? The furthest level that costs no more than some points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.lessons import figures, trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.core.recipe import Recipe
    from workbench.lessons.feedback import Feedback, Voice
    from workbench.session import Session


@dataclass(frozen=True)
class Ladder:
    """Levels one after the other, each of which compresses more than the one before.

    Attributes:
        recipe: The setting of a level.
        step: From a level to the next; negative where less compresses more.
        last: The level beyond which there is none.
        points: Change of the score that is allowed, negative.
        show: How to write a level.
        name: What the sentences are called: ``NAME.far``, ``NAME.near``, ``NAME.last``.
        why: What the one for the right answer is called; empty for `name`.
    """

    recipe: Callable[[float], Recipe]
    step: float
    last: float
    points: float
    show: Callable[[float], str] = figures.percent
    name: str = "limit"
    why: str = ""

    def beyond(self, level: float) -> float:
        """The next level; the same where there is none."""
        bound = min if self.step > 0 else max
        return bound(round(level + self.step, 9), self.last)


async def furthest(
    session: Session, voice: Voice, level: float, ladder: Ladder
) -> Feedback:
    """Judge a level as the furthest: it must cost little, and the next one too much.

    Args:
        session: The session; the last level tried becomes its present setting.
        voice: Sentences with ``level``, ``here`` and ``limit``, and with ``further``
            and ``there`` where the next level was tried.
        level: The level.
        ladder: The levels there are.
    """
    here = await change_at(session, ladder, level)
    values = {
        "level": ladder.show(level),
        "here": figures.points(here),
        "limit": figures.points(ladder.points),
    }
    if here < ladder.points:
        return voice.judged(session, "wrong", f"{ladder.name}.far", values)
    further = ladder.beyond(level)
    if further == level:
        return voice.judged(session, "right", f"{ladder.name}.last", values)
    there = await change_at(session, ladder, further)
    values |= {"further": ladder.show(further), "there": figures.points(there)}
    if there >= ladder.points:
        return voice.judged(session, "wrong", f"{ladder.name}.near", values)
    return voice.judged(session, "right", ladder.why or ladder.name, values)


async def change_at(session: Session, ladder: Ladder, level: float) -> float:
    """Points won or lost at a level."""
    outcome = await trial.measured(session, ladder.recipe(level))
    return figures.change(session, outcome)
