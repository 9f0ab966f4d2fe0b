"""The recipe: what the user wants, hashable, as JSON or YAML, versioned.

Plans cascade: each later plan whose target matches a tensor lays its knobs over the
earlier ones, and may switch a step off.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, cast

from workbench.core import notation
from workbench.core.activations import ActivationQuantization
from workbench.core.errors import UserError
from workbench.core.knob import check_fields, knob, knobs
from workbench.core.plan import Choice, Plan
from workbench.core.step import CODING, POLISH, TensorStep, steps
from workbench.core.wish import Wish

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Choice", "Plan", "Recipe", "Retraining", "Wish"]

VERSION = 1
_FIELDS = ("version", "seed", "wish", "plans", "retraining")


@dataclass(frozen=True)
class Retraining:
    """How the compressed model is retrained.

    The defaults were chosen on the demo's CNN at 80 % sparsity and 4 bits: eight epochs
    lose 0.4 to 0.6 points there (two seeds), three 0.7 to 1.0; rates from 0.001 to
    0.006 and batches of 64 were no better.

    Attributes:
        epochs: Passes over the training data.
        learning_rate: Peak rate of Adam.
        batch_size: Samples a step.
        start: From the ``original`` weights, or from the ``latest`` retrained ones.
    """

    epochs: int = knob(8, low=1, high=1000)
    learning_rate: float = knob(0.003, low=1e-6, high=1.0, scale="log")
    batch_size: int = knob(128, low=1, high=65536)
    start: str = knob("original", choices=("original", "latest"))

    def __post_init__(self) -> None:
        """Refuse values out of bounds."""
        check_fields("retraining", self)


@dataclass(frozen=True)
class Recipe:
    """What the user wants done to a model.

    Attributes:
        plans: Cascading plans; later ones override.
        retraining: How to retrain, or None.
        seed: Seed of everything random.
        wish: What all tensors together are to come to; None for no such wish.
    """

    plans: tuple[Plan, ...] = ()
    retraining: Retraining | None = None
    seed: int = 0
    wish: Wish | None = None

    def __post_init__(self) -> None:
        """Refuse a seed that is no integer from 0 to 2**31 - 1."""
        seed = cast("object", self.seed)
        is_integer = isinstance(seed, int) and not isinstance(seed, bool)
        if not is_integer or not 0 <= self.seed < 2**31:
            raise UserError("recipe.seed", received=seed)

    def steps_for(self, path: str) -> tuple[TensorStep, ...]:
        """The steps of one tensor after the cascade, in order.

        A step that a narrower plan adds to a wider plan's takes its place by phase. A
        code that it asks for stands in for the wider plan's.

        Raises:
            UserError: If for one target an order undoes an earlier step, or two steps
                code the same weights.
        """
        laid: dict[str, Choice] = {}
        written: dict[tuple[bool, str], list[str]] = {}
        for plan in self.plans:
            if plan.matches(path):
                for choice in plan.steps:
                    names = written.setdefault((plan.is_decided, plan.target), [])
                    if choice.name not in names and not choice.is_off:
                        names.append(choice.name)
                    laid[choice.name] = choice.over(laid.get(choice.name))
        code = None
        for names in written.values():
            chosen = [name for name in names if not laid[name].is_off]
            _check_order(chosen, path)
            code = _only_code(chosen, path) or code
        made = (
            steps[choice.name](**dict(choice.values))
            for choice in laid.values()
            if not choice.is_off
            if choice.name == code or steps[choice.name].phase != CODING
        )
        return tuple(sorted(made, key=lambda step: step.phase))

    def activations_for(self, *paths: str) -> ActivationQuantization | None:
        """The quantization of activations behind these paths after the cascade."""
        laid: Choice | None = None
        for plan in self.plans:
            if plan.activations and any(plan.matches(path) for path in paths):
                laid = plan.activations.over(laid)
        if laid is None or laid.is_off:
            return None
        return ActivationQuantization(**dict(laid.values))  # type: ignore[arg-type]

    def asks_for(self, step: str, paths: Iterable[str]) -> bool:
        """Whether any of some tensors is to take a step."""
        return any(one.name == step for path in paths for one in self.steps_for(path))

    @property
    def has_activations(self) -> bool:
        """Whether any plan quantizes activations."""
        return any(
            plan.activations is not None and not plan.activations.is_off
            for plan in self.plans
        )

    def to_json(self) -> dict[str, Any]:
        """The recipe as JSON values."""
        out: dict[str, Any] = {"version": VERSION, "seed": self.seed}
        if self.wish is not None:
            out["wish"] = self.wish.to_json()
        out["plans"] = [plan.to_json() for plan in self.plans]
        if self.retraining is not None:
            out["retraining"] = {
                name: getattr(self.retraining, name) for name in knobs(Retraining)
            }
        return out

    def dumps(self, style: Literal["json", "yaml"] = "yaml") -> str:
        """The recipe as text."""
        values = self.to_json()
        return notation.json_of(values) if style == "json" else notation.yaml_of(values)

    @property
    def has_repairs(self) -> bool:
        """Whether any plan asks for what calibration gives, or takes long."""
        return any(
            step.phase == POLISH or step.plain() != step for step in self._made()
        )

    @property
    def needs_slopes(self) -> bool:
        """Whether any plan asks how the model's loss hangs on its channels."""
        return any(step.needs_slopes for step in self._made())

    def _made(self) -> Iterator[TensorStep]:
        """Every step that a plan names, with its defaults."""
        for plan in self.plans:
            for choice in plan.steps:
                if not choice.is_off:
                    yield steps[choice.name](**dict(choice.values))

    @classmethod
    def loads(cls, text: str) -> Recipe:
        """A recipe from JSON or YAML text, be it the one within a resolved recipe.

        Raises:
            UserError: If the text is no recipe, or one of a later version.
        """
        try:
            data = notation.parse(text)
        except ValueError as error:
            raise UserError("recipe.syntax", detail=error) from error
        if isinstance(data, dict) and "recipe" in data and "tensors" in data:
            return cls.from_json(cast("dict[str, Any]", data)["recipe"])
        return cls.from_json(cast("object", data))

    @classmethod
    def from_json(cls, data: object) -> Recipe:
        """A recipe from JSON values.

        Raises:
            UserError: If something is missing, unknown or out of bounds.
        """
        fields = _fields(data, "recipe", _FIELDS)
        version = fields.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise UserError("recipe.version", received=version, ours=VERSION)
        if version > VERSION:
            raise UserError("recipe.later", received=version, ours=VERSION)
        retraining = fields.get("retraining")
        if retraining is not None:
            retraining = _fields(retraining, "retraining", tuple(knobs(Retraining)))
        return cls(
            plans=tuple(_plan(plan) for plan in _list(fields.get("plans"), "plans")),
            retraining=None if retraining is None else Retraining(**retraining),
            seed=fields.get("seed", 0),
            wish=_wish(fields.get("wish")),
        )


def _wish(data: object) -> Wish | None:
    if data is None:
        return None
    return Wish.from_json(_fields(data, "wish", ("nbytes", "sparsity", "bits")))


def _check_order(names: list[str], path: str) -> None:
    for first, second in pairwise(names):
        if steps[second].phase < steps[first].phase:
            raise UserError("recipe.order", path=path, first=first, second=second)


def _only_code(names: list[str], path: str) -> str | None:
    """The step among those of one target that codes; None where none does."""
    codes = [name for name in names if steps[name].phase == CODING]
    if len(codes) > 1:
        raise UserError("recipe.codes", path=path, first=codes[0], second=codes[1])
    return codes[0] if codes else None


def _plan(data: object) -> Plan:
    fields = _fields(data, "plan", ("target", "steps", "activations", "decided"))
    target = fields.get("target", "*")
    if not isinstance(target, str) or not target:
        raise UserError("recipe.target", received=target)
    decided = fields.get("decided", False)
    if not isinstance(decided, bool):
        raise UserError("knob.bool", name="plan.decided", received=decided)
    activations = fields.get("activations")
    return Plan(
        target=target,
        steps=tuple(_choice(step) for step in _list(fields.get("steps"), "steps")),
        activations=None
        if activations is None
        else _choice(activations, name="activations"),
        is_decided=decided,
    )


def _choice(data: object, name: str | None = None) -> Choice:
    values = dict(_object(data, name or "step"))
    if name is None:
        name = values.pop("step", None)
        if not isinstance(name, str) or name not in steps:
            raise UserError("registry.step", received=name, known=", ".join(steps))
    is_off = values.pop("off", False)
    if not isinstance(is_off, bool):
        raise UserError("knob.bool", name=f"{name}.off", received=is_off)
    return Choice(name, tuple(values.items()), is_off)


def _fields(data: object, where: str, known: tuple[str, ...]) -> dict[str, Any]:
    fields = _object(data, where)
    for name in fields:
        if name not in known:
            words = ", ".join(known)
            raise UserError("recipe.unknown", where=where, field=name, known=words)
    return fields


def _object(data: object, where: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise UserError("recipe.object", where=where, received=data)
    fields = cast("dict[object, Any]", data)
    return {str(name): value for name, value in fields.items()}


def _list(data: object, where: str) -> list[object]:
    if data is None:
        return []
    if not isinstance(data, list):
        raise UserError("recipe.list", where=where, received=data)
    return cast("list[object]", data)
