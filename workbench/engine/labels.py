"""What a model's answers and labels mean together: classes, one answer, or several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from workbench.core.errors import UserError
from workbench.engine.data import Split
from workbench.engine.metrics import Accuracy

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUM_TOLERANCE = 1e-2


@dataclass(frozen=True)
class Answers:
    """What is known of a model's output.

    Attributes:
        shape: Of one sample's output: units last, steps before.
        activation: ``softmax``, ``sigmoid``, ``linear``, another name, or None where
            it cannot be seen.
        from_logits: Whether outputs are logits, as the user or the loss says; None
            where neither does.
    """

    shape: tuple[int, ...]
    activation: str | None
    from_logits: bool | None

    @property
    def units(self) -> int:
        """Numbers per answer."""
        return self.shape[-1] if self.shape else 1

    @property
    def are_logits(self) -> bool | None:
        """Whether outputs are logits; None where nothing tells."""
        if self.from_logits is not None:
            return self.from_logits
        if self.activation in {"softmax", "sigmoid"}:
            return False
        # Several linear outputs scored by classes can be nothing else.
        return True if self.activation == "linear" and self.units > 1 else None


def activation_seen(output: NDArray[Any]) -> str:
    """The activation that outputs look like, for a model that does not show it."""
    if ((output < 0) | (output > 1)).any():
        return "linear"
    return "softmax" if output.shape[-1] > 1 and adds_up(output) else "sigmoid"


def adds_up(output: NDArray[Any]) -> bool:
    """Whether the numbers of every last axis sum to 1, as a distribution's do."""
    return bool(np.allclose(output.sum(axis=-1), 1, atol=_SUM_TOLERANCE))


def accuracy_for(answers: Answers, split: Split) -> tuple[Accuracy, Split]:
    """The accuracy that fits a model's output and labels, and the labels it wants.

    Args:
        answers: The model's output.
        split: Samples; of their labels the shape, type and range are checked.

    Returns:
        The metric, and the samples with class numbers as int32 without an axis of
        length 1 at the end.

    Raises:
        UserError: If no accuracy fits.
    """
    steps, y = answers.shape[:-1], split.y
    if answers.units == 1:
        return _binary(answers, split)
    if y.shape[1:] == (*steps, 1):
        y = y[..., 0]
    if y.shape[1:] == steps:
        classes = _class_numbers(y, answers.units)
        return Accuracy(), Split(split.x, classes)
    if y.shape[1:] != answers.shape:
        _refuse_shape(answers, split.y)
    return _of_ones(answers, split)


def are_numbers(answers: Answers, y: NDArray[Any], *, is_said: bool) -> bool:
    """Whether labels are numbers to come close to, not classes.

    Args:
        answers: The model's output.
        y: Labels, samples first.
        is_said: Whether the loss is one of numbers, so that labels of 0 and 1 before
            an output without bounds are taken as such too.
    """
    if answers.from_logits or answers.activation == "softmax":
        return False
    if _of_shape(answers, y) is None:
        return False
    if y.dtype.kind == "f" and not (y == np.rint(y)).all():
        return True
    if answers.activation == "sigmoid":
        return False
    are_ones = bool(np.isin(y, (0, 1)).all())
    is_one_hot = are_ones and answers.units > 1 and bool((y.sum(axis=-1) == 1).all())
    return not are_ones or (is_said and not is_one_hot)


def with_numbers(answers: Answers, split: Split) -> Split:
    """Samples with labels as float32 in the output's shape.

    Raises:
        UserError: If they have another.
    """
    y = _of_shape(answers, split.y)
    if y is None:
        wanted = ", ".join(["n", *map(str, answers.shape)])
        raise UserError(
            "open.number_shape", expected=f"({wanted})", received=split.y.shape
        )
    return Split(split.x, y.astype(np.float32))


def _of_shape(answers: Answers, y: NDArray[Any]) -> NDArray[Any] | None:
    """Labels in the output's shape; None where they have another."""
    if answers.units == 1 and y.shape[1:] == answers.shape[:-1]:
        y = y[..., None]
    return y if y.shape[1:] == answers.shape else None


def _of_ones(answers: Answers, split: Split) -> tuple[Accuracy, Split]:
    """One-hot classes, or independent labels."""
    y = split.y
    if not np.isin(y, (0, 1)).all():
        raise UserError("open.one_hot", units=answers.units)
    sums = y.sum(axis=-1)
    is_one_hot = bool((sums == 1).all())
    if is_one_hot:
        return Accuracy(is_one_hot=True), Split(split.x, y.astype(np.float32))
    if answers.activation == "softmax":
        raise UserError("open.one_hot", units=answers.units)
    metric = Accuracy("labels", from_logits=bool(answers.are_logits))
    return metric, Split(split.x, y.astype(np.float32))


def _binary(answers: Answers, split: Split) -> tuple[Accuracy, Split]:
    """Yes or no by one number."""
    steps, y = answers.shape[:-1], split.y
    if answers.are_logits is None:
        raise UserError("open.no_metric")
    if y.shape[1:] == answers.shape:
        y = y.reshape(len(y), *steps)
    if y.shape[1:] != steps:
        _refuse_shape(answers, split.y)
    classes = _class_numbers(y, 2)
    metric = Accuracy("binary", from_logits=bool(answers.are_logits))
    return metric, Split(split.x, classes)


def _class_numbers(y: NDArray[Any], units: int) -> NDArray[np.int32]:
    if y.dtype.kind == "f" and not (y == np.rint(y)).all():
        raise UserError("open.label_type", received=y.dtype)
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= units:
        raise UserError(
            "open.label_range", high=units - 1, low_received=low, high_received=high
        )
    return y.astype(np.int32)


def _refuse_shape(answers: Answers, y: NDArray[Any]) -> NoReturn:
    steps = ", ".join(["n", *map(str, answers.shape[:-1])])
    raise UserError(
        "open.label_shape",
        integers=f"({steps})",
        one_hot=f"({steps}, {answers.units})",
        received=y.shape,
    )
