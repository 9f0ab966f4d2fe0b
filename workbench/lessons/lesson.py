"""What every lesson does: ask, judge, keep the score; never raise what was typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from workbench.core.errors import UserError
from workbench.lessons import figures, trial
from workbench.lessons.answers import is_missing
from workbench.lessons.feedback import Feedback, State, Table
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
        area: Where the lesson's sentences are.
        guesses: What is revealed beside a guess.
        exercises: What is judged.
        session: The session.
        states: How the last answer to each exercise fared.
    """

    area: ClassVar[str] = "lesson"
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
        lang = self.session.lang
        head = tuple(say(f"lesson.column.{word}", lang) for word in ("name", "state"))
        rows = tuple(
            (say(f"{self.area}.exercise.{name}", lang), say(f"lesson.{state}", lang))
            for name, state in self.states.items()
        )
        done = sum(state == "right" for state in self.states.values())
        text = say("lesson.summary", lang, done=done, total=len(rows))
        return Feedback("shown", text, lang, Table(head, rows))

    async def _measured(self, key: str, recipes: Mapping[str, Recipe]) -> Feedback:
        """Measure settings in turn, and show them side by side.

        Args:
            key: Text key of what is shown.
            recipes: The settings, by what to call them.
        """
        session = self.session
        named = [
            (name, await trial.measured(session, recipe))
            for name, recipe in recipes.items()
        ]
        text = say(key, session.lang)
        return Feedback("shown", text, session.lang, figures.settings(session, named))

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
        text = say(
            "lesson.opened",
            session.lang,
            weights=figures.count(sum(site.parameters for site in session.sites)),
            kernels=len(session.sites),
            score=figures.percent(original.score),
            total=figures.count(original.total),
            nbytes=figures.count(figures.original_bytes(session)),
        )
        return Feedback("shown", text, session.lang)
