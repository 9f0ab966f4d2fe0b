"""Numbers that say where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Provenance = Literal["estimated", "simulated", "in file", "measured"]


@dataclass(frozen=True)
class Quantity:
    """A number with its unit and origin.

    Attributes:
        value: The number.
        unit: Its unit, such as ``bytes`` or ``ms``.
        provenance: ``estimated`` by a formula, ``simulated`` by running the model in
            TensorFlow, read ``in file``, or ``measured`` in the runtime named by the
            context.
    """

    value: float
    unit: str
    provenance: Provenance
