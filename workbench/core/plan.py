"""Plans: which steps, with which knobs, for the tensors that a target matches.

A target is a glob over tensor paths in which only ``*`` and ``?`` are special, so that
a gate, ``lstm/kernel[f]``, is plain text. What covers a kernel covers its gates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from workbench.core.activations import ActivationQuantization
from workbench.core.knob import Value, check_values, merge
from workbench.core.step import steps

# A gate's name is one letter.
_GATE = re.compile(r"(.+)\[[a-z]\]", re.DOTALL)


@dataclass(frozen=True)
class Choice:
    """Some knobs of one step (or of the activations), or the step switched off.

    Attributes:
        name: Registered name of the step; ``activations`` for those.
        values: The knobs that are set, as sorted pairs.
        is_off: Whether the step is switched off.
    """

    name: str
    values: tuple[tuple[str, Value], ...] = ()
    is_off: bool = False

    def __post_init__(self) -> None:
        """Refuse unknown names and values out of bounds; sort the pairs."""
        checked = check_values(self.name, owner(self.name), dict(self.values))
        object.__setattr__(self, "values", tuple(sorted(checked.items())))

    @classmethod
    def of(cls, name: str, **values: Value) -> Choice:
        """A choice from keyword arguments."""
        return cls(name, tuple(values.items()))

    def over(self, earlier: Choice | None) -> Choice:
        """This choice laid over an earlier one of the same name."""
        if earlier is None or self.is_off:
            return self
        values = merge(owner(self.name), dict(earlier.values), dict(self.values))
        return Choice(self.name, tuple(values.items()))

    def to_json(self) -> dict[str, Any]:
        """A flat object: ``{"step": name, knob: value, ...}``."""
        off = {"off": True} if self.is_off else {}
        return {"step": self.name} | off | dict(self.values)


@dataclass(frozen=True)
class Plan:
    """Steps for the tensors that a target matches.

    Attributes:
        target: Glob over tensor paths.
        steps: Choices in the order in which the steps are applied.
        activations: Quantization of the activations behind these tensors.
        is_decided: Whether it was decided for a wish over all tensors; the next
            decision replaces it.
    """

    target: str = "*"
    steps: tuple[Choice, ...] = ()
    activations: Choice | None = None
    is_decided: bool = False

    def matches(self, path: str) -> bool:
        """Whether the target covers a path: of a gate, its own or its kernel's."""
        pattern = _pattern(self.target)
        gate = _GATE.fullmatch(path)
        return any(map(pattern.fullmatch, (path, gate[1]) if gate else (path,)))

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        out: dict[str, Any] = {"target": self.target}
        if self.steps:
            out["steps"] = [choice.to_json() for choice in self.steps]
        if self.activations is not None:
            out["activations"] = self.activations.to_json()
            del out["activations"]["step"]
        if self.is_decided:
            out["decided"] = True
        return out


def owner(name: str) -> type:
    """The class whose knobs a choice of this name sets."""
    return ActivationQuantization if name == "activations" else steps[name]


@cache
def _pattern(target: str) -> re.Pattern[str]:
    escaped = re.escape(target).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.DOTALL)
