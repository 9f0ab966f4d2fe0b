"""Scores: one number per sample, so that two models are compared sample by sample.

Accuracy covers classes by integer or one-hot label, softmax, logits, one sigmoid or
logit per answer, and independent labels (several ones in a row: the fraction of labels
that are right). With a sequence output the number of a sample is the fraction of its
steps that are right: the sample, not the step, is the unit. A model of numbers has the
mean absolute error, in the labels' unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.core.errors import UserError
from workbench.core.measurement import MetricInfo
from workbench.engine.layers import first_line

Task = Literal["classes", "binary", "labels"]
Output = NDArray[Any] | Sequence[NDArray[Any]]


class Metric(Protocol):
    """What a score must offer."""

    @property
    def info(self) -> MetricInfo:
        """Its name and direction."""
        ...

    def results(self, y_true: NDArray[Any], y_pred: Output) -> NDArray[np.float32]:
        """One number per sample."""
        ...

    def answers(self, y_pred: Output) -> NDArray[np.int64] | None:
        """What is right or wrong, samples first; None where nothing is."""
        ...

    def predicted_classes(self, y_pred: Output) -> NDArray[np.int64] | None:
        """The class that each sample is given; None where there is not one."""
        ...

    def true_classes(self, y_true: NDArray[Any]) -> NDArray[np.int64] | None:
        """The class that each sample has; None where there is not one."""
        ...


@dataclass(frozen=True)
class Accuracy:
    """The fraction of right answers.

    Attributes:
        task: ``classes``: the largest of several outputs counts; ``binary``: one
            output against a threshold; ``labels``: several independent ones.
        from_logits: Whether outputs are logits, so that the threshold is 0 and not
            a half; the largest output is the same for both.
        is_one_hot: Whether labels of ``classes`` are one-hot.
    """

    task: Task = "classes"
    from_logits: bool = False
    is_one_hot: bool = False

    @property
    def info(self) -> MetricInfo:
        """Accuracy, higher is better."""
        return MetricInfo("accuracy")

    def results(self, y_true: NDArray[Any], y_pred: Output) -> NDArray[np.float32]:
        """The fraction of right answers of each sample, 0 to 1, shape (n,).

        Args:
            y_true: Labels: (n,), or (n, steps), with one axis more where one-hot.
            y_pred: The model's output, (n, classes) or (n, steps, classes).
        """
        right = self.answers(y_pred) == self._labels(y_true)
        return right.reshape(len(right), -1).mean(axis=1, dtype=np.float32)

    def predicted_classes(self, y_pred: Output) -> NDArray[np.int64] | None:
        """The class that each sample is given, (n,); None for sequences and labels."""
        return self._single(self.answers(y_pred))

    def true_classes(self, y_true: NDArray[Any]) -> NDArray[np.int64] | None:
        """The class that each sample has, (n,); None for sequences and labels."""
        return self._single(self._labels(y_true))

    def answers(self, y_pred: Output) -> NDArray[np.int64]:
        """The class of each sample or step, or each of its labels."""
        given = np.asarray(y_pred)
        if self.task == "classes":
            return given.argmax(axis=-1)
        answers = (given > (0.0 if self.from_logits else 0.5)).astype(np.int64)
        return answers[..., 0] if self.task == "binary" else answers

    def _labels(self, y_true: NDArray[Any]) -> NDArray[np.int64]:
        if self.task == "classes" and self.is_one_hot:
            return y_true.argmax(axis=-1)
        return y_true.astype(np.int64)

    def _single(self, classes: NDArray[np.int64]) -> NDArray[np.int64] | None:
        is_single = classes.ndim == 1 and self.task != "labels"
        return classes if is_single else None


@dataclass(frozen=True)
class AbsoluteError:
    """How far numbers lie from the right ones: ``mean |y - p|`` over a sample's."""

    @property
    def info(self) -> MetricInfo:
        """Mean absolute error, lower is better."""
        return MetricInfo("mean_absolute_error", False, is_accuracy=False)

    def results(self, y_true: NDArray[Any], y_pred: Output) -> NDArray[np.float32]:
        """The error of each sample, shape (n,), in the unit of the labels.

        Args:
            y_true: Numbers, shape of the output.
            y_pred: The model's output.
        """
        gaps = np.abs(np.asarray(y_pred, np.float32) - y_true)
        return gaps.reshape(len(gaps), -1).mean(axis=1, dtype=np.float32)

    def answers(self, y_pred: Output) -> NDArray[np.int64] | None:  # noqa: ARG002
        """None: a number is more or less right."""
        return None

    def predicted_classes(self, y_pred: Output) -> NDArray[np.int64] | None:  # noqa: ARG002
        """None: numbers are no classes."""
        return None

    def true_classes(self, y_true: NDArray[Any]) -> NDArray[np.int64] | None:  # noqa: ARG002
        """None: numbers are no classes."""
        return None


@dataclass(frozen=True)
class UserMetric:
    """A function of the user: ``f(y_true, y_pred)`` gives one number per sample.

    Attributes:
        function: The function.
        higher_is_better: Its direction.
    """

    function: Callable[..., Any]
    higher_is_better: bool = True

    @classmethod
    def of(
        cls, function: Callable[..., Any], higher_is_better: bool | None = None
    ) -> UserMetric:
        """The metric of a function.

        Args:
            function: Its attribute ``higher_is_better`` gives the direction, which is
                True without one.
            higher_is_better: A direction that comes before the attribute.
        """
        direction = getattr(function, "higher_is_better", True)
        if higher_is_better is not None:
            direction = higher_is_better
        return cls(function, bool(direction))

    @property
    def info(self) -> MetricInfo:
        """The function's name and direction."""
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return MetricInfo(name, self.higher_is_better, is_accuracy=False)

    def results(self, y_true: NDArray[Any], y_pred: Output) -> NDArray[np.float32]:
        """What the function says of each sample, shape (n,).

        Raises:
            UserError: If it fails, or gives anything but one finite number a sample.
        """
        name = self.info.name
        try:
            values = np.asarray(self.function(y_true, y_pred))
        except Exception as error:  # the user's function
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise UserError("open.metric_fails", name=name, reason=reason) from error
        if values.shape != (len(y_true),) or values.dtype.kind not in "biuf":
            received = f"{values.dtype}{list(values.shape)}"
            raise UserError(
                "open.metric_shape", name=name, n=len(y_true), received=received
            )
        if not np.isfinite(values).all():
            raise UserError("open.metric_not_finite", name=name)
        return values.astype(np.float32)

    def answers(self, y_pred: Output) -> NDArray[np.int64] | None:  # noqa: ARG002
        """None: the function does not say."""
        return None

    def predicted_classes(self, y_pred: Output) -> NDArray[np.int64] | None:  # noqa: ARG002
        """None: the function does not say."""
        return None

    def true_classes(self, y_true: NDArray[Any]) -> NDArray[np.int64] | None:  # noqa: ARG002
        """None: the function does not say."""
        return None
