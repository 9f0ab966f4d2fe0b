"""The charts on the screen: each follows the session's snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.charts import charts
from workbench.panels.live_figure import LiveFigure

if TYPE_CHECKING:
    from collections.abc import Callable

    import ipywidgets

    from workbench.core.history import Visit
    from workbench.core.snapshot import Snapshot
    from workbench.panels.scope import Scope


def live_chart(
    scope: Scope,
    name: str,
    *watched: str,
    seen: ipywidgets.ToggleButton | None = None,
) -> LiveFigure:
    """A chart by its registered name, drawn again when what it shows changes.

    Args:
        scope: The session.
        name: Name in the registry of charts; the text ``screen.alt.NAME`` describes it.
        *watched: Traits of the session that it shows; with ``original`` it shows
            scores, else of an outcome the weights alone.
        seen: The button that shows it; None where it is always on the screen.
    """
    live = LiveFigure()
    live.on_drawn(scope.session.drawn.set)
    scope.words(live, alt=f"screen.alt.{name}")
    draw = charts[name]
    shows_scores = "original" in watched
    shows_weights = "before" in watched and not shows_scores

    @scope.derive(*watched, seen=seen, basis=_weights if shows_weights else None)
    def compute(snapshot: Snapshot) -> Callable[[], None]:
        figure = draw(snapshot)
        return lambda: live.show(figure, snapshot.lang)

    if "before" in watched:

        @scope.watch("before", "recipe", "is_opening")
        def mark() -> None:
            snapshot = scope.session.snapshot()
            live.stale = snapshot.is_stale if shows_scores else _is_behind(snapshot)

    return live


def _weights(snapshot: Snapshot) -> tuple[Any, ...]:
    """All that a chart of weights shows; a score that sharpens changes none of it."""
    network = None if snapshot.before is None else snapshot.before.network
    return network, snapshot.selection, snapshot.sites


def _is_behind(snapshot: Snapshot) -> bool:
    """Whether the weights on the screen are those of an earlier wish."""
    before = snapshot.before
    return before is None or before.recipe.plans != snapshot.recipe.plans


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


def structure(scope: Scope, seen: ipywidgets.ToggleButton) -> LiveFigure:
    """What moves together; choosing a bar selects its row."""
    live = live_chart(scope, "structure", "before", "sites", seen=seen)
    live.on_click(lambda path: scope.session.select((str(path),)))
    return live


def sparsity(scope: Scope) -> LiveFigure:
    """Sparsity of each tensor; choosing a bar selects its row."""
    live = live_chart(scope, "sparsity", "before", "selection")
    live.on_click(lambda path: scope.session.select((str(path),)))
    return live
