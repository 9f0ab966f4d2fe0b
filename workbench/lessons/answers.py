"""What a learner typed, read as what was asked for."""

from __future__ import annotations

import math
from contextlib import suppress
from numbers import Real

from workbench.core.errors import UserError

DISTANCES = ("closer", "farther")
# What the division by a step may be off by.
_ROUNDING = 1e-6


def is_missing(answer: object) -> bool:
    """Whether nothing was answered: ``...``, None, an empty text, or part of that."""
    if isinstance(answer, tuple | list):
        return not answer or any(is_missing(part) for part in answer)
    if isinstance(answer, str):
        return not answer.strip()
    return answer is None or answer is Ellipsis


def number(answer: object) -> float:
    """An answer that is a finite number.

    Raises:
        UserError: If it is none.
    """
    if isinstance(answer, Real) and not isinstance(answer, bool):
        with suppress(OverflowError):
            value = float(answer)
            if math.isfinite(value):
                return value
    raise UserError("lesson.number", received=repr(answer))


def share(answer: object) -> float:
    """An answer that is a share, 0 to 1.

    Raises:
        UserError: If it is none.
    """
    value = number(answer)
    if not 0 <= value <= 1:
        raise UserError("lesson.share", received=repr(answer))
    return value


def stepped(answer: object, step: float) -> float:
    """An answer that is a share in whole steps.

    Args:
        answer: What was typed.
        step: One step, as a share.

    Raises:
        UserError: If it is none.
    """
    value = share(answer)
    count = value / step
    if abs(count - round(count)) > _ROUNDING:
        raise UserError(
            "lesson.steps",
            step=f"{100 * step:.0f}",
            example=f"{7 * step:g}",
            received=repr(answer),
        )
    return value


def pair(answer: object) -> tuple[object, object]:
    """An answer of two parts.

    Raises:
        UserError: If it has not two.
    """
    if isinstance(answer, tuple | list):
        parts = tuple(answer)
        if len(parts) == 2:  # noqa: PLR2004 - a pair
            return parts
    raise UserError("lesson.pair", received=repr(answer))


def word(answer: object, known: tuple[str, ...]) -> str:
    """An answer that is one of some words.

    Raises:
        UserError: If it is none.
    """
    if isinstance(answer, str) and answer.strip() in known:
        return answer.strip()
    words = ", ".join(repr(one) for one in known)
    raise UserError("lesson.word", known=words, received=repr(answer))
