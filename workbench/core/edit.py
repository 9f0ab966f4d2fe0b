"""Small changes to a recipe, as a slider or a table row makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.core.activations import ActivationQuantization
from workbench.core.knob import knobs
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.step import CODING, PRUNING, steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.core.knob import Value

EVERYTHING = "*"


def set_knobs(
    recipe: Recipe, step: str, target: str = EVERYTHING, **values: Value
) -> Recipe:
    """The recipe with knobs of a step set for a target.

    A step that the target does not have yet is put where its phase belongs; one that
    was switched off there is on again. A step that codes takes the place of another.

    Args:
        recipe: The recipe to start from.
        step: Name of the step, or ``activations``.
        target: Glob of the plan that is changed, or made.
        **values: Knobs to set.
    """
    recipe = _by_hand(recipe, step, target)
    plan = _plan(recipe, target)
    if step == "activations":
        earlier = plan.activations
        fresh = Choice.of(step, **values).over(_on(earlier))
        return _with(recipe, replace(plan, activations=fresh))
    own = {choice.name: choice for choice in plan.steps}
    if steps[step].phase == CODING:
        own = {n: c for n, c in own.items() if n == step or steps[n].phase != CODING}
    own[step] = Choice.of(step, **values).over(_on(own.get(step)))
    return _with(recipe, replace(plan, steps=_sorted(own.values())))


def switch_off(recipe: Recipe, step: str, target: str = EVERYTHING) -> Recipe:
    """The recipe with a step not applied to a target.

    For everything the step is dropped; for a narrower target an entry says "off", so
    that it does not come back from a wider plan.
    """
    if target == EVERYTHING:
        return inherit(recipe, step, target)
    plan = _plan(recipe, target)
    off = Choice(step, is_off=True)
    if step == "activations":
        return _with(recipe, replace(plan, activations=off))
    own = {choice.name: choice for choice in plan.steps} | {step: off}
    return _with(recipe, replace(plan, steps=_sorted(own.values())))


def inherit(recipe: Recipe, step: str, target: str) -> Recipe:
    """The recipe without a target's own entry for a step."""
    recipe = _by_hand(recipe, step, target)
    plan = _plan(recipe, target)
    if step == "activations":
        return _with(recipe, replace(plan, activations=None))
    kept = tuple(choice for choice in plan.steps if choice.name != step)
    return _with(recipe, replace(plan, steps=kept))


def set_repair(recipe: Recipe, *, is_on: bool) -> Recipe:
    """The recipe with one-shot repair of everything, or without.

    Kept weights are refitted, and where weights are coded, rounding is adaptive, on the
    range with the least error.
    """
    change = set_knobs if is_on else switch_off
    recipe = change(recipe, "reconstruct")
    for plan in recipe.plans:
        for coder in plan.steps:
            how = _rounding(coder.name, is_repaired=is_on)
            if how and not (coder.is_off or plan.is_decided):
                coded = set_knobs(recipe, coder.name, plan.target, **how)
                recipe = replace(coded, wish=recipe.wish)
    return recipe


def switch_on(recipe: Recipe, step: str, target: str = EVERYTHING) -> Recipe:
    """The recipe with a step applied to a target, repaired where the rest of it is."""
    how = _rounding(step, is_repaired=True) if is_repaired(recipe) else {}
    return set_knobs(recipe, step, target, **how)


def leave_out(recipe: Recipe, step: str, target: str = EVERYTHING) -> Recipe:
    """The recipe with a step not applied to a target; it says so only where it must.

    Args:
        recipe: The recipe to start from.
        step: Name of the step.
        target: ``*``, or the path of one tensor.
    """
    left = inherit(recipe, step, target)
    if target == EVERYTHING or knobs_for(left, step, target) is None:
        return left
    return switch_off(left, step, target)


def set_bits(recipe: Recipe, step: str, bits: int, target: str = EVERYTHING) -> Recipe:
    """The recipe at a bit width for a target, repaired where the rest of it is."""
    recipe = set_knobs(recipe, step, target, bits=bits)
    return set_repair(recipe, is_on=True) if is_repaired(recipe) else recipe


def is_repaired(recipe: Recipe) -> bool:
    """Whether a recipe asks for repair of everything."""
    return wide_knobs(recipe, "reconstruct") is not None


def own_choice(recipe: Recipe, step: str, target: str) -> Choice | None:
    """What a target itself says of a step; None where it inherits."""
    plan = _plan(recipe, target)
    if step == "activations":
        return plan.activations
    return next((choice for choice in plan.steps if choice.name == step), None)


def wide_knobs(recipe: Recipe, step: str) -> dict[str, Value] | None:
    """Every knob that the recipe asks of everything; None where a step is not on."""
    own = _on(own_choice(recipe, step, EVERYTHING))
    return None if own is None else default_knobs(step) | dict(own.values)


def knobs_for(recipe: Recipe, step: str, path: str) -> dict[str, Value] | None:
    """Every knob of a step that one tensor takes; None where it does not take it.

    Raises:
        UserError: If the recipe asks for an order that undoes a step.
    """
    found = next((one for one in recipe.steps_for(path) if one.name == step), None)
    if found is None:
        return None
    return {name: getattr(found, name) for name in knobs(type(found))}


def default_knobs(step: str) -> dict[str, Value]:
    """The knobs of a step where nothing is said."""
    owner = ActivationQuantization if step == "activations" else steps[step]
    return {name: getattr(owner(), name) for name in knobs(owner)}


def _by_hand(recipe: Recipe, step: str, target: str) -> Recipe:
    """The recipe without its wish over all tensors where a hand sets them all.

    A wish decides how each is pruned and coded; both cannot be.
    """
    if target != EVERYTHING or step == "activations":
        return recipe
    is_decided = steps[step].phase in {PRUNING, CODING}
    return replace(recipe, wish=None) if is_decided else recipe


def _rounding(step: str, *, is_repaired: bool) -> dict[str, Value]:
    """How a step that codes rounds where it is part of a repair, and where not."""
    declared = knobs(steps[step])
    wished = {"rounding": "adaptive", "range": "mse"}
    how: dict[str, Value] = {
        name: word
        for name, word in wished.items()
        if name in declared and word in declared[name].choices
    }
    if "rounding" not in how:
        return {}
    return how if is_repaired else {"rounding": "nearest"}


def _on(choice: Choice | None) -> Choice | None:
    return None if choice is None or choice.is_off else choice


def _plan(recipe: Recipe, target: str) -> Plan:
    found = (p for p in recipe.plans if p.target == target and not p.is_decided)
    return next(found, Plan(target))


def _with(recipe: Recipe, plan: Plan) -> Recipe:
    """The recipe with a plan in its place; wider targets come before narrower ones."""
    plans = [
        plan if old.target == plan.target and not old.is_decided else old
        for old in recipe.plans
    ]
    if plan not in plans:
        gates = (
            i for i, p in enumerate(plans) if p.target.startswith(f"{plan.target}[")
        )
        place = 0 if plan.target == EVERYTHING else next(gates, len(plans))
        plans.insert(place, plan)
    filled = tuple(p for p in plans if p.steps or p.activations is not None)
    return replace(recipe, plans=filled)


def _sorted(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    return tuple(sorted(choices, key=lambda choice: steps[choice.name].phase))
