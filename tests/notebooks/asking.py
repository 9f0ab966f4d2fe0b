"""A learner who types answers, without a running event loop."""

import asyncio
from typing import Any

from workbench.lessons import Feedback
from workbench.lessons.lesson import Lesson


def check(lesson: Lesson, name: str, answer: Any) -> Feedback:
    """What an exercise says to an answer."""
    return asyncio.run(lesson.check(name, answer))


def reveal(lesson: Lesson, name: str, guess: Any) -> Feedback:
    """What is revealed beside a guess."""
    return asyncio.run(lesson.reveal(name, guess))


def rows(said: Feedback) -> tuple[tuple[str, ...], ...]:
    """The rows of the table that comes with what is said."""
    assert said.table is not None
    return said.table.rows
