"""The small histogram under the sliders, which the browser draws by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from workbench.charts.weights import threshold_of
from workbench.core.edit import default_knobs, wide_knobs
from workbench.core.noise import sqnr
from workbench.panels.live_weights import FLOAT_BITS, LiveWeights, Wish

if TYPE_CHECKING:
    from workbench.panels.controls import Control
    from workbench.panels.scope import Scope


def live_weights(scope: Scope, sliders: dict[str, Control]) -> ipywidgets.Widget:
    """A histogram that follows the sliders without asking the kernel.

    Its numbers are estimates until the kernel's exact ones are there.
    """
    session = scope.session
    holder = ipywidgets.VBox()
    followed = {
        name: sliders[name].widget for name in ("sparsity", "threshold", "bits")
    }

    @scope.watch("bins")
    def build() -> None:
        holder.children = (
            (LiveWeights(session.bins, follow=followed, lang=session.lang),)
            if session.bins
            else ()
        )

    @scope.watch("bins", "selection", "before", "recipe")
    def follow() -> None:
        for live in holder.children:
            _follow(scope, live)

    return holder


def _follow(scope: Scope, live: LiveWeights) -> None:
    """Give it the recipe's wish, and the exact numbers where they are there."""
    session = scope.session
    snapshot = session.snapshot()
    paths = [site.path for site in snapshot.selected if site.path in session.bins]
    wish, pruning_scope, is_symmetric = _wish(scope)
    with live.hold_sync():
        live.selected = paths
        live.scope, live.symmetric = pruning_scope, is_symmetric
        for name, value in wish.items():
            live.set_trait(name, value)
    if session.before is None or session.before.recipe.plans != session.recipe.plans:
        return
    tensors = [session.before.network.tensors[path] for path in paths]
    weights = sum(tensor.dense.size for tensor in tensors)
    nonzeros = sum(tensor.nonzeros for tensor in tensors)
    live.settle(
        wish,
        sparsity=1 - nonzeros / max(weights, 1),
        sqnr=sqnr(
            [session.weights[path] for path in paths],
            [tensor.dense for tensor in tensors],
        ),
        threshold=threshold_of(snapshot) or 0.0,
    )


def _wish(scope: Scope) -> tuple[Wish, str, bool]:
    """What the recipe asks of everything, in the words of the live histogram."""
    recipe = scope.session.recipe
    prune = wide_knobs(recipe, "magnitude") or default_knobs("magnitude")
    code = wide_knobs(recipe, "uniform")
    threshold = prune["threshold"]
    wish = Wish(
        by="sparsity" if threshold is None else "threshold",
        sparsity=float(prune["sparsity"] or 0.0),
        threshold=float(threshold or 0.0),
        bits=FLOAT_BITS if code is None else int(code["bits"] or 0),
    )
    return wish, str(prune["scope"]), code is None or bool(code["symmetric"])
