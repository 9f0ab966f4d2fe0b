"""What every lesson does: ask, judge, keep the score; never raise what was typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from workbench.core.errors import UserError
from workbench.lessons import figures, trial
from workbench.lessons.answers import is_missing
from workbench.lessons.feedback import COMMON, Feedback, State, Voice
from workbench.lessons.mistakes import mistake
from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.core.recipe import Recipe
    from workbench.session import Session

Question = Callable[["Session", object], Awaitable[Feedback]]


class Lesson:
    """Questions about a session's network.

    Everything that waits for the session is a coroutine: ``await`` it in a cell.

    Args:
        session: The session, such as that of a dashboard in the same notebook.

    Attributes:
        voice: The lesson's sentences.
        guesses: What is revealed beside a guess.
        exercises: What is judged.
        session: The session.
        states: How the last answer to each exercise fared.
    """

    voice: ClassVar[Voice] = COMMON
    guesses: ClassVar[Mapping[str, Question]] = MappingProxyType({})
    exercises: ClassVar[Mapping[str, Question]] = MappingProxyType({})

    def __init__(self, session: Session) -> None:
        """Nothing is answered yet."""
        self.session = session
        self.states: dict[str, State] = dict.fromkeys(self.exercises, "missing")

    async def open(self) -> Feedback:
        """Wait until the model is open, and say what it is."""
        return await self._safely(self._opened())

    async def reveal(self, name: str, guess: object = None) -> Feedback:
        """Show the truth beside a guess; without a guess nothing is shown.

        Args:
            name: One of `guesses`.
            guess: What the learner expects; ``...`` or None for no guess yet.
        """
        return await self._ask(self.guesses, name, guess)

    async def check(self, name: str, answer: object = None) -> Feedback:
        """Judge an answer by the session's numbers.

        Args:
            name: One of `exercises`.
            answer: What the learner found; ``...`` or None for no answer yet.
        """
        said = await self._ask(self.exercises, name, answer)
        if name in self.exercises:
            self.states[name] = said.state
        return said

    async def mistake(self, name: str) -> Feedback:
        """Watch a well-known mistake fail, beside what is right.

        Args:
            name: One of `workbench.core.presets.MISTAKES`.
        """
        return await self._safely(mistake(self.session, name))

    def summary(self) -> Feedback:
        """How every exercise fared so far."""
        session = self.session
        rows = [
            (
                self.voice.word(session, f"exercise.{name}"),
                COMMON.word(session, state),
            )
            for name, state in self.states.items()
        ]
        done = sum(state == "right" for state in self.states.values())
        table = COMMON.table(session, ("name", "state"), rows)
        return COMMON.shown(session, "summary", table, done=done, total=len(rows))

    async def _measured(self, name: str, recipes: Mapping[str, Recipe]) -> Feedback:
        """Measure settings in turn, and show them side by side.

        Args:
            name: Of the sentence that says what is shown.
            recipes: The settings, by what to call them.
        """
        named = [
            (each, await trial.measured(self.session, recipe))
            for each, recipe in recipes.items()
        ]
        table = figures.settings(self.session, named)
        return self.voice.shown(self.session, name, table)

    async def _ask(
        self, questions: Mapping[str, Question], name: str, answer: object
    ) -> Feedback:
        lang = self.session.lang
        if name not in questions:
            error = UserError(
                "lesson.word", known=", ".join(questions), received=repr(name)
            )
            return Feedback("wrong", error.text(lang), lang)
        if is_missing(answer):
            return Feedback("missing", say("lesson.missing.help", lang), lang)
        return await self._safely(questions[name](self.session, answer))

    async def _safely(self, said: Awaitable[Feedback]) -> Feedback:
        """What is said; a mistake of the user is said too, and never raised."""
        lang = self.session.lang
        try:
            return await said
        except UserError as error:
            return Feedback("wrong", error.text(lang), lang)

    async def _opened(self) -> Feedback:
        session = self.session
        original = await trial.opened(session)
        return COMMON.shown(
            session,
            "opened",
            weights=figures.count(sum(site.parameters for site in session.sites)),
            kernels=len(session.sites),
            score=figures.percent(original.score),
            total=figures.count(original.total),
            nbytes=figures.count(figures.original_bytes(session)),
        )
