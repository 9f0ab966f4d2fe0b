"""The small histogram under the sliders, which the browser draws by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.charts.weights import weight_numbers
from workbench.core.edit import default_knobs, wide_knobs
from workbench.core.gates import tensor_of, weights_of
from workbench.core.noise import sqnr
from workbench.panels.live_weights import (
    FLOAT_BITS,
    LiveWeights,
    Wish,
    exact_numbers,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import ipywidgets

    from workbench.core.recipe import Recipe
    from workbench.core.snapshot import Snapshot
    from workbench.panels.controls import Control
    from workbench.panels.scope import Scope


def live_weights(scope: Scope, sliders: dict[str, Control]) -> ipywidgets.Widget:
    """A histogram that follows the sliders without asking the kernel.

    Its numbers are estimates until the kernel's exact ones are there.
    """
    session = scope.session
    followed = {
        name: sliders[name].widget for name in ("sparsity", "threshold", "bits")
    }
    # One widget for good: anywidget fails aloud on one that is closed while it starts.
    live = LiveWeights({}, follow=followed)
    scope.watch("bins")(lambda: live.take(session.bins))

    @scope.watch("bins", "selection", "recipe", "lang")
    def follow() -> None:
        chosen = session.snapshot().selected
        paths = [site.path for site in chosen if site.parameters]
        live.follow(_wish(session.recipe), paths, session.lang)

    @scope.derive("bins", "selection", "before", "recipe", basis=_basis)
    def settle(snapshot: Snapshot) -> Callable[[], None]:
        numbers = _numbers(snapshot)
        return lambda: live.set_trait("exact", numbers)

    return live


def _basis(snapshot: Snapshot) -> tuple[Any, ...]:
    network = snapshot.before and snapshot.before.network
    return snapshot.selection, snapshot.recipe, network


def _numbers(snapshot: Snapshot) -> dict[str, Any]:
    """The selected kernels' exact numbers; none while they are of another wish."""
    before = snapshot.before
    if before is None or before.recipe.plans != snapshot.recipe.plans:
        return {}
    sites = [site for site in snapshot.selected if site.parameters]
    tensors = [tensor_of(before.network.tensors, site) for site in sites]
    weights = sum(tensor.dense.size for tensor in tensors)
    nonzeros = sum(tensor.nonzeros for tensor in tensors)
    numbers = weight_numbers(snapshot)
    return exact_numbers(
        _wish(snapshot.recipe),
        sparsity=1 - nonzeros / max(weights, 1),
        sqnr=sqnr(
            [weights_of(snapshot.weights, site) for site in sites],
            [tensor.dense for tensor in tensors],
        ),
        threshold=numbers.threshold or 0.0,
        left=numbers.compressed.tolist(),
    )


def _wish(recipe: Recipe) -> Wish:
    """What a recipe asks of everything, in the words of the live histogram."""
    prune = wide_knobs(recipe, "magnitude") or default_knobs("magnitude")
    code = wide_knobs(recipe, "uniform")
    grid = code or default_knobs("uniform")
    threshold = prune["threshold"]
    return Wish(
        sparsity=float(prune["sparsity"] or 0.0),
        threshold=float(threshold or 0.0),
        by="sparsity" if threshold is None else "threshold",
        scope=str(prune["scope"]),
        bits=FLOAT_BITS if code is None else int(code["bits"] or 0),
        symmetric=bool(grid["symmetric"]),
        granularity=str(grid["granularity"]),
        range=str(grid["range"]),
    )
