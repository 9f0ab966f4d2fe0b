"""The charts on the screen: each follows the session's snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.charts import charts
from workbench.panels.live_figure import LiveFigure

if TYPE_CHECKING:
    from workbench.core.history import Visit
    from workbench.panels.scope import Scope


def live_chart(scope: Scope, name: str, *watched: str) -> LiveFigure:
    """A chart by its registered name, drawn again when what it shows changes.

    Args:
        scope: The session.
        name: Name in the registry of charts; the text ``screen.alt.NAME`` describes it.
        *watched: Traits of the session that it shows.
    """
    session = scope.session
    live = LiveFigure(alt=scope.say(f"screen.alt.{name}"), lang=session.lang)
    draw = charts[name]

    @scope.watch(*watched)
    def update() -> None:
        snapshot = session.snapshot()
        live.figure = draw(snapshot)
        live.stale = "before" in watched and snapshot.is_stale

    return live


def tradeoff(scope: Scope) -> LiveFigure:
    """The trade-off plot; choosing a dot restores its setting."""
    session = scope.session
    live = live_chart(
        scope, "tradeoff", "history", "before", "original", "budget", "recipe"
    )

    def restore(key: Any) -> None:
        if key is not None:
            visit: Visit = session.history[int(key)]
            session.edit(visit.recipe)

    live.on_click(restore)
    return live


def sparsity(scope: Scope) -> LiveFigure:
    """Sparsity of each tensor; choosing a bar selects its row."""
    live = live_chart(scope, "sparsity", "before", "selection", "recipe")
    live.on_click(lambda path: scope.session.select((str(path),)))
    return live
