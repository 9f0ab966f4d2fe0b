"""What a recipe costs a session's model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.core.recipe import Recipe
    from workbench.session import Session


def lost(session: Session, recipe: Recipe) -> float:
    """Points that a recipe loses on the test set, without a running event loop."""
    session.edit(recipe)
    gap = session.before.measurement.difference
    assert gap is not None, "The demos have test data."
    return -100 * gap.value
