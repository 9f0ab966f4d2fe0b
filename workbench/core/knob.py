"""Knobs: fields of a step, declared once with bounds, unit and scale.

From the declaration come the bounds check, the slider, the JSON, the command-line
flag, the search space and the law tests. Label and help of the knob ``sparsity`` of
the step ``magnitude`` are the texts ``knob.magnitude.sparsity`` and
``knob.magnitude.sparsity.help``.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = float | int | bool | str | None


@dataclass(frozen=True)
class Knob:
    """What one knob accepts.

    Attributes:
        kind: ``float``, ``int``, ``bool`` or ``choice``.
        low: Smallest value (numbers only).
        high: Largest value (numbers only).
        step: Grain of its slider; None for continuous.
        unit: Text key suffix of the unit, such as ``bits``; empty for none.
        scale: How its slider is divided.
        choices: The words it accepts (``choice`` only).
        optional: Whether None ("not set") is accepted.
        excludes: Another knob of the step that setting this one clears: two faces
            of one wish.
    """

    kind: Literal["float", "int", "bool", "choice"]
    low: float = -math.inf
    high: float = math.inf
    step: float | None = None
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    choices: tuple[str, ...] = ()
    optional: bool = False
    excludes: str | None = None

    def check(self, name: str, value: object) -> Value:
        """The value, if the knob accepts it.

        Args:
            name: Full name for the message, such as ``magnitude.sparsity``.
            value: What came.

        Raises:
            UserError: If it is of the wrong type, out of range or no choice.
        """
        if value is None and self.optional:
            return None
        if self.kind == "choice":
            return self._check_choice(name, value)
        if self.kind == "bool":
            if isinstance(value, bool):
                return value
            raise UserError("knob.bool", name=name, received=value)
        return self._check_number(name, value)

    def _check_choice(self, name: str, value: object) -> str:
        if isinstance(value, str) and value in self.choices:
            return value
        words = ", ".join(self.choices)
        raise UserError("knob.choice", name=name, choices=words, received=value)

    def _check_number(self, name: str, value: object) -> float | int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError("knob.number", name=name, received=value)
        if not self.low <= value <= self.high:
            low, high = f"{self.low:g}", f"{self.high:g}"
            raise UserError("knob.range", name=name, low=low, high=high, received=value)
        if self.kind == "float":
            return float(value)
        if value != int(value):
            raise UserError("knob.integer", name=name, received=value)
        return int(value)


def knob(
    default: Value,
    *,
    choices: tuple[str, ...] = (),
    kind: Literal["float", "int", "bool", "choice"] | None = None,
    **limits: Any,
) -> Any:
    """A dataclass field that is a knob; the kind follows from the default.

    Args:
        default: Value where nothing is said; None makes the knob optional.
        choices: The words of a choice.
        kind: Needed only where the default is None.
        **limits: Further fields of `Knob`.
    """
    if kind is None:
        guess = {bool: "bool", int: "int", float: "float", str: "choice"}
        kind = guess[type(default)]  # type: ignore[assignment,index]
    declared = Knob(
        kind=kind,  # type: ignore[arg-type]
        choices=choices,
        optional=default is None,
        **limits,
    )
    return dataclasses.field(default=default, metadata={"knob": declared})


def knobs(cls: type) -> Mapping[str, Knob]:
    """The knobs of a dataclass, by field name, in order of declaration."""
    return {
        field.name: field.metadata["knob"]
        for field in dataclasses.fields(cls)
        if "knob" in field.metadata
    }


def check_values(
    name: str, cls: type, values: Mapping[str, object]
) -> dict[str, Value]:
    """The values that were set for a class, each checked against its knob.

    Raises:
        UserError: If a name is no knob of the class, a value does not fit, or two
            faces of one wish are set at once.
    """
    declared = knobs(cls)
    for field in values:
        if field not in declared:
            known = ", ".join(declared)
            raise UserError("knob.unknown", name=name, field=field, known=known)
    checked = {
        field: declared[field].check(f"{name}.{field}", value)
        for field, value in values.items()
    }
    for field, value in checked.items():
        other = declared[field].excludes
        if value is not None and other and checked.get(other) is not None:
            raise UserError("knob.exclusive", name=name, first=field, second=other)
    return checked


def check_fields(name: str, instance: Any) -> None:
    """Check every knob of a dataclass instance; for ``__post_init__``.

    Raises:
        UserError: If a value does not fit its knob.
    """
    for field, declared in knobs(instance.__class__).items():
        value = declared.check(f"{name}.{field}", getattr(instance, field))
        object.__setattr__(instance, field, value)


def merge(
    cls: type, own: Mapping[str, Value], over: Mapping[str, Value]
) -> dict[str, Value]:
    """Knob values with later ones laid over, clearing what those exclude."""
    declared = knobs(cls)
    cleared = {declared[field].excludes for field, v in over.items() if v is not None}
    return {k: v for k, v in own.items() if k not in cleared} | dict(over)
