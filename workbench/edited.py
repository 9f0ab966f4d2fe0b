"""What the user wishes for: each edit of the recipe, and what a wish comes to."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.core import link
from workbench.core.decision import decide, key_of, undecided
from workbench.core.errors import UserError
from workbench.core.gates import with_gates
from workbench.core.history import Timeline
from workbench.core.recipe import Recipe
from workbench.kept import KeptState
from workbench.state import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workbench.core.decision import Decision
    from workbench.core.levels import Database
    from workbench.core.snapshot import Outcome


class EditedState(KeptState):
    """State with a recipe and a view that are edited, step by step.

    Args:
        recipe: What is wished for at first.
        lang: Language of texts, ``en`` or ``zh``.

    Attributes:
        demo: Name of the demo that is open; None for another model.
    """

    demo: str | None = None

    def __init__(self, recipe: Recipe, lang: str) -> None:
        """Begin a timeline."""
        super().__init__(lang=lang, recipe=recipe)
        self._timeline = Timeline(recipe)
        self._fits: dict[Recipe, Decision] = {}

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier recipe."""
        return bool(self._timeline.past)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone recipe."""
        return bool(self._timeline.future)

    def edit(self, recipe: Recipe, gesture: str = "") -> None:
        """Wish for a recipe; may be called from any thread.

        Args:
            recipe: The recipe.
            gesture: What the edit is part of; the edits of one drag are undone as one.
        """
        at = time.monotonic()

        def edit() -> None:
            answered = self._answered(recipe)
            self._go(self._timeline.edit(answered, gesture, at))

        self.lanes.post(edit)

    def undo(self) -> None:
        """Go back to the recipe before."""
        self.lanes.post(lambda: self._go(self._timeline.undo()))

    def redo(self) -> None:
        """Go forward again."""
        self.lanes.post(lambda: self._go(self._timeline.redo()))

    def reset(self) -> None:
        """Wish for the original; can be undone."""
        self.edit(Recipe(seed=self.recipe.seed))

    def select(self, paths: Iterable[str]) -> None:
        """Select kernels, or gates of them; none means all."""
        known = {site.path for site in with_gates(self.sites)}
        chosen = tuple(path for path in paths if path in known)
        self.lanes.post(lambda: self._select(chosen))

    def link(self) -> dict[str, str]:
        """The whole recipe and view, as a query for an address."""
        return link.query(
            self.recipe,
            self.lang,
            demo=self.demo or "",
            select=",".join(self.selection),
            hide=",".join(self.view.get("hide", ())),
            budget=f"{self.budget:.0f}" if self.budget else "",
        )

    def follow(self, query: Mapping[str, str]) -> None:
        """Take over the recipe and view of an address; a damaged one is said."""
        if "hide" in query:
            self.view = {"hide": tuple(filter(None, query["hide"].split(",")))}
        if "select" in query:
            self.select(query["select"].split(","))
        if query.get("budget", "").isdecimal():
            self.budget = float(query["budget"])
        if "recipe" in query:
            try:
                self.edit(link.from_word(query["recipe"]))
            except UserError as error:
                self.fail(error)

    def preview(self) -> None:
        """Compress for the present recipe and measure, on the preview lane."""
        raise NotImplementedError

    def survey(self) -> None:
        """Try every level of every kernel, on the task lane; `surveyed` ends it."""
        raise NotImplementedError

    def surveyed(self, database: Database | None) -> None:
        """Take over every kernel's levels, and answer the wish; for deliveries."""
        self.database, self._fits = database, {}
        # Not a step to undo: the wish was one.
        self._go(replace(self._timeline, now=self._answered(self.recipe)))

    def fitted(self, asked: Recipe, decision: Decision, outcome: Outcome) -> None:
        """Take over the answer to a wish whose stream was coded; for deliveries.

        Args:
            asked: The recipe as decided by estimates.
            decision: What fits.
            outcome: What came of it.
        """
        self._fits[key_of(asked)] = decision
        if self.recipe == asked:
            self._timeline = replace(self._timeline, now=decision.recipe)
            self.set(recipe=decision.recipe, decision=decision, before=outcome)

    def _go(self, timeline: Timeline) -> None:
        earlier = self.recipe
        self._timeline = timeline
        self.recipe = timeline.now
        self.decision = self._fits.get(key_of(self.recipe), self.decision)
        if timeline.now != earlier:
            self._go_on()
        if timeline.now.plans != earlier.plans:
            self.preview()
        elif timeline.now != earlier:
            self.remember()

    def _answered(self, recipe: Recipe) -> Recipe:
        """The recipe with what its wish over all tensors comes to, once that is known.

        Until then it is asked for, and what was decided earlier stands.
        """
        if recipe.wish is None:
            return undecided(recipe)
        if self.database is None:
            self.survey()
        if self.database is None:
            return recipe
        known = self._fits.get(key_of(recipe))
        if known is None:
            self.decision = decide(recipe, self.database)
        else:
            plans = known.recipe.plans
            self.decision = replace(known, recipe=replace(recipe, plans=plans))
        return self.decision.recipe

    def _select(self, chosen: tuple[str, ...]) -> None:
        if chosen != self.selection:
            self.selection = chosen
            self.remember()

    def _go_on(self) -> None:
        """Say no more of an error, unless it is why there is nothing to work on."""
        if self.workload is not None and self.status.is_error:
            self.status = Status()
