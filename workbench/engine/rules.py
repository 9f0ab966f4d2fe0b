"""Which rule of a table follows channels through an operation of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import keras

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Rule = TypeVar("Rule")


def rule_for(
    operation: Any,
    layers: Sequence[tuple[tuple[type, ...], Rule]],
    operations: Mapping[str, Rule],
) -> Rule | None:
    """The rule of a layer by its kind, of another operation by its name.

    Args:
        operation: A layer or an operation of Keras.
        layers: Kinds of layers with their rule; the first that fits holds.
        operations: Rules of operations by the name of their class.
    """
    if isinstance(operation, keras.Layer):
        return next(
            (rule for kinds, rule in layers if isinstance(operation, kinds)), None
        )
    return operations.get(type(operation).__name__)


def is_usual(layer: Any) -> bool:
    """Whether channels are a layer's last axis and its kernel is as it was made."""
    is_last = getattr(layer, "data_format", None) in {None, "channels_last"}
    is_plain = getattr(layer, "quantization_mode", None) is None
    return is_last and is_plain and not getattr(layer, "lora_enabled", False)
