"""The loss that retraining lowers: the user's, the model's own, or the usual one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from workbench.core.errors import UserError
from workbench.engine.layers import first_line
from workbench.engine.metrics import AbsoluteError
from workbench.engine.user_code import load_function

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.engine.labels import Answers
    from workbench.engine.metrics import Metric

Loss = Callable[..., Any]

_CATEGORICAL = ("categorical_crossentropy", "CategoricalCrossentropy")
_SPARSE = ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy")
_OF_NUMBERS = frozenset(
    {"meansquarederror", "meanabsoluteerror", "huber", "logcosh", "poisson"}
    | {"meansquaredlogarithmicerror", "meanabsolutepercentageerror"}
)


def loss_of(model: keras.Model, wish: str | Loss | None) -> Loss | None:
    """The loss that the user or the compiled model names.

    Args:
        model: Compiled or not.
        wish: A Keras name such as ``mse``, ``FILE.py:function``, or a callable, called
            with labels and outputs; None for the compiled model's.

    Returns:
        A callable of labels and outputs; None where nobody names one.

    Raises:
        UserError: If Keras knows no loss of the name.
    """
    if wish is None:
        return _compiled(model)
    if callable(wish):
        return wish
    if ".py:" in wish:
        return load_function(wish)
    return _named(wish)


def check_loss(loss: Loss, y: NDArray[Any], outputs: Any) -> None:
    """Try a loss on some samples, since what it says of misfits it says at length.

    Args:
        loss: The loss.
        y: Labels, samples first.
        outputs: What the model says of the samples.

    Raises:
        UserError: If the loss does not take them.
    """
    try:
        loss(y, outputs)
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        raise UserError("train.loss_misfits", reason=first_line(error)) from error


def is_of_numbers(loss: Loss | None) -> bool:
    """Whether a loss is one of Keras' for numbers, such as the squared error."""
    return _name(loss).replace("_", "").lower() in _OF_NUMBERS


def logits_of(loss: Loss | None) -> bool | None:
    """What a loss says of the outputs: logits or not; None where it says nothing."""
    said = getattr(loss, "from_logits", None)
    if said is None and isinstance(loss, keras.losses.Loss):
        said = loss.get_config().get("from_logits")
    if said is None and "crossentropy" in _name(loss):
        return False
    return said if said is None else bool(said)


def usual_loss(answers: Answers, metric: Metric) -> Loss | None:
    """The loss that goes with a score; None with one of the user's."""
    if isinstance(metric, AbsoluteError):
        return keras.losses.MeanSquaredError()
    task = getattr(metric, "task", None)
    logits = bool(answers.are_logits)
    if task in {"binary", "labels"}:
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    if task != "classes":
        return None
    if getattr(metric, "is_one_hot", False):
        return keras.losses.CategoricalCrossentropy(from_logits=logits)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


def aligned(loss: Loss) -> Loss:
    """The same loss on labels as Keras gives them to one that a model is compiled with.

    That is as float32, and with the outputs' last axis where it has length 1 and they
    have none: many losses would broadcast one against the other.
    """

    def call(y: Any, outputs: Any) -> Any:
        if keras.tree.is_nested(outputs):
            return loss(y, outputs)
        y, outputs = (keras.ops.convert_to_tensor(part) for part in (y, outputs))
        if len(y.shape) == len(outputs.shape) - 1 and outputs.shape[-1] == 1:
            y = keras.ops.expand_dims(y, -1)
        return loss(keras.ops.cast(y, "float32"), outputs)

    return call


def fitted(loss: Loss, answers: Answers, metric: Metric) -> Loss:
    """The same loss for the labels as they come: class numbers or one-hot.

    Categorical cross-entropy is one function with two spellings of its labels; a
    model compiled with the one is trained on the other's labels by spelling them anew.
    """
    if getattr(metric, "task", None) != "classes":
        return loss
    is_one_hot = bool(getattr(metric, "is_one_hot", False))
    name = _name(loss)
    if name in _CATEGORICAL and not is_one_hot:
        units = answers.units
        return lambda y, p: loss(
            keras.ops.one_hot(keras.ops.cast(y, "int32"), units), p
        )
    if name in _SPARSE and is_one_hot:
        return lambda y, p: loss(keras.ops.argmax(y, axis=-1), p)
    return loss


def _compiled(model: keras.Model) -> Loss | None:
    loss: Any = getattr(model, "loss", None) if model.compiled else None
    while isinstance(loss, dict | list | tuple) and len(loss) == 1:
        loss = next(iter(loss.values() if isinstance(loss, dict) else loss))
    if isinstance(loss, str):
        return _named(loss)
    return loss if callable(loss) else None


def _named(name: str) -> Loss:
    try:
        found: Any = keras.losses.get(name)
    except ValueError as error:
        raise UserError("open.loss_name", received=name) from error
    return found


def _name(loss: Loss | None) -> str:
    return getattr(loss, "__name__", type(loss).__name__)
