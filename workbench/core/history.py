"""What was wished and what came of it: undo, redo, visited settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.core.recipe import Recipe

if TYPE_CHECKING:
    from workbench.core.measurement import Measurement

GESTURE_SECONDS = 1.0
UNDO_STEPS = 200


@dataclass(frozen=True)
class Timeline:
    """The recipe with those before and after it.

    Attributes:
        now: The present recipe.
        past: Earlier ones, the last the nearest.
        future: Undone ones, the first the nearest.
        gesture: What the last edit was part of; a slider's drag is one gesture.
        edited: When the last edit came, seconds of any steady clock.
    """

    now: Recipe
    past: tuple[Recipe, ...] = ()
    future: tuple[Recipe, ...] = ()
    gesture: str = ""
    edited: float = float("-inf")

    def edit(self, recipe: Recipe, gesture: str, at: float) -> Timeline:
        """Go on to a recipe; edits of one gesture in quick succession are one step."""
        if recipe == self.now:
            return self
        is_same = bool(gesture) and gesture == self.gesture
        is_same = is_same and at - self.edited < GESTURE_SECONDS and bool(self.past)
        past = self.past if is_same else (*self.past, self.now)[-UNDO_STEPS:]
        return Timeline(recipe, past, (), gesture, at)

    def undo(self) -> Timeline:
        """One step back; itself where there is none."""
        if not self.past:
            return self
        future = (self.now, *self.future)
        return Timeline(self.past[-1], self.past[:-1], future)

    def redo(self) -> Timeline:
        """One step forward again; itself where there is none."""
        if not self.future:
            return self
        return Timeline(self.future[0], (*self.past, self.now), self.future[1:])

    def to_json(self) -> dict[str, Any]:
        """The timeline as JSON values."""
        return {
            "now": self.now.to_json(),
            "past": [recipe.to_json() for recipe in self.past],
            "future": [recipe.to_json() for recipe in self.future],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Timeline:
        """A timeline from JSON values.

        Raises:
            UserError: If one of its recipes is none.
        """
        return cls(
            Recipe.from_json(data["now"]),
            tuple(Recipe.from_json(recipe) for recipe in data["past"]),
            tuple(Recipe.from_json(recipe) for recipe in data["future"]),
        )


@dataclass(frozen=True)
class Visit:
    """A setting that was tried: one dot of the trade-off plot.

    Attributes:
        recipe: The setting; a click restores it.
        kind: ``before`` or ``after`` retraining.
        nbytes: Packed size of the compressed model.
        score: Score on the samples seen.
        difference: Score minus the original's on the same samples.
        low: Lower end of the difference's 95 % interval.
        high: Upper end.
        seen: Samples evaluated.
        total: Samples in the test set.
    """

    recipe: Recipe
    kind: Literal["before", "after"]
    nbytes: float
    score: float
    difference: float
    low: float
    high: float
    seen: int
    total: int

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        kind: Literal["before", "after"],
        nbytes: float,
        measurement: Measurement,
    ) -> Visit:
        """A visit from its measurement."""
        gap = measurement.difference
        return cls(
            recipe,
            kind,
            nbytes,
            measurement.score,
            gap.value if gap else 0.0,
            gap.low if gap else 0.0,
            gap.high if gap else 0.0,
            measurement.seen,
            measurement.total,
        )

    def to_json(self) -> dict[str, Any]:
        """The visit as JSON values."""
        return vars(self) | {"recipe": self.recipe.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Visit:
        """A visit from JSON values.

        Raises:
            UserError: If its recipe is none.
        """
        fields: dict[str, Any] = {**data, "recipe": Recipe.from_json(data["recipe"])}
        return cls(**fields)


def visited(history: tuple[Visit, ...], visit: Visit) -> tuple[Visit, ...]:
    """The history with a visit added, or renewed where its setting is there already.

    Retrainings are all kept, since the same recipe may end differently; but one that
    is only measured again, as after a reload, is no other.
    """
    if visit in history:
        return history
    if visit.kind == "before":
        for i, old in enumerate(history):
            if old.kind == "before" and old.recipe.plans == visit.recipe.plans:
                return (*history[:i], visit, *history[i + 1 :])
    return (*history, visit)
