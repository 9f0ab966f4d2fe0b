"""What a wish over all tensors comes to: a plan for each of them.

The decided plans stand after the plan for everything and before the user's narrower
ones, so that these override them; what they fix, the decision takes as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from workbench.core.edit import EVERYTHING
from workbench.core.frontier import Frontier, frontier
from workbench.core.level import FLOAT_BITS, Level, between
from workbench.core.levels import Database
from workbench.core.plan import Choice, Plan
from workbench.core.step import CODING, PRUNING, steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.core.recipe import Recipe
    from workbench.core.wish import Wish


@dataclass(frozen=True)
class Decision:
    """A recipe whose wish is answered.

    Attributes:
        recipe: With a decided plan for each kernel of the database.
        nbytes: Bytes of the whole model in an entropy-coded file.
        error: Predicted: the sum of the layers' relative errors.
        is_coded: Whether `nbytes` were coded; else they are estimated.
    """

    recipe: Recipe
    nbytes: float
    error: float
    is_coded: bool = False


def undecided(recipe: Recipe) -> Recipe:
    """The recipe without what was decided."""
    own = tuple(plan for plan in recipe.plans if not plan.is_decided)
    return recipe if own == recipe.plans else replace(recipe, plans=own)


def key_of(recipe: Recipe) -> Recipe:
    """What an answer depends on: retraining has no part in it."""
    return replace(undecided(recipe), retraining=None)


def decide(recipe: Recipe, database: Database, nbytes: float | None = None) -> Decision:
    """Answer the wish of a recipe.

    Args:
        recipe: With a wish; what an earlier decision left in it is replaced.
        database: The levels to choose from.
        nbytes: What is decided for in place of the bytes that are wished for, where
            these were found to be more or fewer than estimated.
    """
    wish = recipe.wish
    assert wish is not None
    recipe = undecided(recipe)
    wide = [plan for plan in recipe.plans if plan.target == EVERYTHING]
    narrow = [plan for plan in recipe.plans if plan.target != EVERYTHING]
    own = {path: _own(narrow, path) for path in database.levels}
    allowed = tuple(
        _allowed(levels, own[path], wish) for path, levels in database.levels.items()
    )
    cost = "kept" if wish.nbytes is None else "nbytes"
    answers = _answers(database, allowed, cost)
    budget = _budget(wish, database) if nbytes is None else nbytes - database.others
    numbers = answers.levels(answers.point(budget))
    chosen = [levels[at] for levels, at in zip(allowed, numbers, strict=True)]
    chosen = _spent(allowed, chosen, budget, cost)
    plans = [
        Plan(path, _steps(level, own[path], wide), is_decided=True)
        for path, level in zip(database.levels, chosen, strict=True)
    ]
    plans += _for_gates(plans, narrow)
    return Decision(
        replace(recipe, plans=(*wide, *plans, *narrow)),
        database.others + sum(level.nbytes for level in chosen),
        sum(level.error for level in chosen),
    )


def range_of(database: Database) -> tuple[int, int]:
    """Bytes of the whole model at its smallest, and at its largest level."""
    sizes = [[level.nbytes for level in levels] for levels in database.levels.values()]
    smallest, largest = sum(map(min, sizes)), sum(map(max, sizes))
    return database.others + smallest, database.others + largest


def _budget(wish: Wish, database: Database) -> float:
    if wish.nbytes is not None:
        return wish.nbytes - database.others
    whole = sum(levels[0].kept for levels in database.levels.values())
    return (1.0 - (wish.sparsity or 0.0)) * whole


def _spent(
    allowed: Sequence[tuple[Level, ...]], chosen: list[Level], budget: float, cost: str
) -> list[Level]:
    """The levels with what they leave of a budget given to one kernel.

    It goes part of the way to its next level, where this lowers the error most.
    """
    left = int(budget) - sum(getattr(level, cost) for level in chosen)
    if left <= 0:
        return chosen
    best, gain = chosen, 0.0
    for at, (level, levels) in enumerate(zip(chosen, allowed, strict=True)):
        more = _next(level, levels)
        step = getattr(more, cost) - getattr(level, cost) if more else 0
        if more is None or step <= 0:
            continue
        kept = level.kept + int(min(left / step, 1.0) * (more.kept - level.kept))
        fullest = max(levels, key=lambda one: one.kept)
        weights = round(fullest.kept / (1 - fullest.sparsity))
        found = between(more, level, kept, weights)
        if kept > level.kept and level.error - found.error > gain:
            gain = level.error - found.error
            best = [*chosen[:at], found, *chosen[at + 1 :]]
    return best


def _next(level: Level, levels: Sequence[Level]) -> Level | None:
    """The level of the same kind that keeps a little more."""
    kind = (level.bits, level.granularity)
    more = [
        one
        for one in levels
        if (one.bits, one.granularity) == kind and one.kept > level.kept
    ]
    return min(more, key=lambda one: one.kept, default=None)


def _own(narrow: Iterable[Plan], path: str) -> dict[str, Choice]:
    """What narrower plans say of a kernel's steps."""
    laid: dict[str, Choice] = {}
    for plan in narrow:
        if plan.matches(path):
            for choice in plan.steps:
                laid[choice.name] = choice.over(laid.get(choice.name))
    return laid


def _allowed(
    levels: tuple[Level, ...], own: dict[str, Choice], wish: Wish
) -> tuple[Level, ...]:
    """The levels that a kernel's own plans and the wish leave open."""
    if _is_structured(own):
        return levels[:1]
    sparsity = _fixed(own, PRUNING, "sparsity", 0.0)
    if sparsity is not None:
        levels = _nearest(levels, "sparsity", sparsity)
    bits = _fixed(own, CODING, "bits", FLOAT_BITS)
    if bits is not None:
        return _nearest(levels, "bits", bits)
    return tuple(level for level in levels if level.bits in wish.widths)


def _is_structured(own: dict[str, Choice]) -> bool:
    """Whether a kernel becomes another one, of which no level is known."""
    return any(
        steps[name].phase < PRUNING and not choice.is_off
        for name, choice in own.items()
    )


def _fixed(own: dict[str, Choice], phase: int, knob: str, off: float) -> float | None:
    """The value that own plans give a step of a phase; None where they give none."""
    found: float | None = None
    for name, choice in own.items():
        if steps[name].phase == phase:
            value = off if choice.is_off else dict(choice.values).get(knob)
            found = float(value) if isinstance(value, int | float) else found
    return found


def _nearest(levels: tuple[Level, ...], name: str, value: float) -> tuple[Level, ...]:
    gaps = [abs(getattr(level, name) - value) for level in levels]
    return tuple(
        level for level, gap in zip(levels, gaps, strict=True) if gap == min(gaps)
    )


def _steps(
    level: Level, own: dict[str, Choice], wide: Sequence[Plan]
) -> tuple[Choice, ...]:
    """The steps of a level, and wider ones switched off that would come on top."""
    if _is_structured(own):
        return ()
    taken = {steps[name].phase for name in own}
    choices = tuple(
        choice
        for choice in level.choices()
        if choice.name in own or steps[choice.name].phase not in taken
    )
    names = {choice.name for choice in choices} | set(own)
    off = [
        Choice(choice.name, is_off=True)
        for plan in wide
        for choice in plan.steps
        if steps[choice.name].phase in {PRUNING, CODING} and choice.name not in names
    ]
    return tuple(sorted((*choices, *off), key=lambda choice: steps[choice.name].phase))


def _for_gates(decided: Sequence[Plan], narrow: Sequence[Plan]) -> list[Plan]:
    """What keeps gates that are pruned by themselves from being pruned twice."""
    chosen = _pruning(choice for plan in decided for choice in plan.steps)
    found: list[Plan] = []
    for plan in narrow:
        own = _pruning(plan.steps)
        if own and not any(plan.matches(one.target) for one in decided):
            off = tuple(Choice(name, is_off=True) for name in sorted(chosen - own))
            found.append(Plan(plan.target, off, is_decided=True))
    return found


def _pruning(choices: Iterable[Choice]) -> set[str]:
    """Names of the steps among some that prune."""
    return {c.name for c in choices if not c.is_off and steps[c.name].phase == PRUNING}


def _answers(
    database: Database, allowed: tuple[tuple[Level, ...], ...], cost: str
) -> Frontier:
    """The answers to every budget; kept until other levels are open."""
    key = (allowed, cost)
    known = _known.get(database)
    if known is not None and known[0] == key:
        return known[1]
    found = frontier(
        [np.array([getattr(one, cost) for one in own], float) for own in allowed],
        [np.array([one.error for one in own], float) for own in allowed],
    )
    _known[database] = (key, found)
    return found


_known: WeakKeyDictionary[
    Database, tuple[tuple[tuple[tuple[Level, ...], ...], str], Frontier]
] = WeakKeyDictionary()
