"""The layer table, and what is overridden for the selected rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets
from anywidget import AnyWidget

from workbench.core.codes import Gates
from workbench.core.cost import tensor_sizes
from workbench.core.edit import (
    inherit,
    own_choice,
    set_bits,
    set_knobs,
    switch_off,
)
from workbench.core.gates import tensor_of, with_gates
from workbench.core.knob import knobs
from workbench.core.step import steps
from workbench.core.symbols import leaves
from workbench.frontend import module
from workbench.panels.assets import bring_stylesheet
from workbench.panels.controls import FLOAT_BITS, bit_slider, slider
from workbench.panels.pruning import MOST_SPARSITY
from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.core.recipe import Recipe
    from workbench.core.snapshot import Snapshot
    from workbench.core.tensor import CompressedTensor, Site
    from workbench.panels.scope import Scope


class LayerTable(AnyWidget):
    """Rows to select.

    Attributes:
        columns: ``{"key", "title", "number"}`` of each column.
        rows: A dict a row: ``path``, a text for each column's key, and ``inherited``,
            the keys whose value comes from a wider plan.
        selected: Paths of the selected rows.
        select_text: Word before a path in a row's label.
    """

    _esm = module("layer_table.js")

    columns = traitlets.List().tag(sync=True)
    rows = traitlets.List().tag(sync=True)
    selected = traitlets.List().tag(sync=True)
    select_text = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        """See that the page has the stylesheet."""
        bring_stylesheet()
        super().__init__(**traits)


def layer_table(scope: Scope) -> ipywidgets.Widget:
    """The table; selecting rows drives histogram and overrides."""
    session = scope.session
    titles = (
        ("path", False),
        ("kind", False),
        ("shape", True),
        ("parameters", True),
        ("sparsity", True),
        ("bits", True),
        ("nbytes", True),
    )
    table = LayerTable(selected=list(session.selection))
    scope.words(table, select_text="screen.select")
    table.observe(lambda change: session.select(tuple(change["new"])), "selected")

    @scope.watch("lang")
    def translate() -> None:
        table.columns = [
            {"key": key, "title": scope.say(f"screen.column.{key}"), "number": number}
            for key, number in titles
        ]

    @scope.derive("sites", "before", "recipe", basis=_basis)
    def fill(snapshot: Snapshot) -> Callable[[], None]:
        rows = [_row(snapshot, site) for site in with_gates(snapshot.sites)]
        return lambda: table.set_trait("rows", rows)

    @scope.watch("selection")
    def follow() -> None:
        table.selected = list(session.selection)

    return scope.make(ipywidgets.VBox, [table, _overrides(scope)])


def _basis(snapshot: Snapshot) -> tuple[Any, ...]:
    network = snapshot.before and snapshot.before.network
    return snapshot.sites, snapshot.recipe.plans, network


def _row(snapshot: Snapshot, site: Site) -> dict[str, Any]:
    row: dict[str, Any] = {
        "path": site.path,
        "kind": say(f"screen.kind.{site.kind}", snapshot.lang),
        "shape": " × ".join(str(size) for size in site.shape),
        "parameters": f"{site.parameters:,}",
        "inherited": [
            column
            for column, step in (("sparsity", "magnitude"), ("bits", "uniform"))
            if own_choice(snapshot.recipe, step, site.path) is None
        ],
    }
    outcome = snapshot.before
    if outcome is not None and (site.whole or site.path) in outcome.network.tensors:
        tensor = tensor_of(outcome.network.tensors, site)
        row["sparsity"] = f"{tensor.sparsity:.1%}"
        row["bits"] = _bits(tensor)
        sizes = outcome.sizes.tensors.get(site.path) or tensor_sizes(tensor)
        row["nbytes"] = f"{sizes.packed:,.0f}"
    return row


def _bits(tensor: CompressedTensor) -> str:
    """Bit width, from the narrowest to the widest gate."""
    widths = sorted({leaf.bits for leaf in leaves(tensor)})
    is_mixed = isinstance(tensor.code, Gates) and len(widths) > 1
    return f"{widths[0]}-{widths[-1]}" if is_mixed else str(tensor.bits)


def _overrides(scope: Scope) -> ipywidgets.Widget:
    """Controls for the selected rows: their own sparsity and bits, or none."""
    session = scope.session

    def for_selected(change: Callable[[Recipe, str], Recipe], gesture: str) -> None:
        recipe = session.recipe
        for path in session.selection:
            recipe = change(recipe, path)
        session.edit(recipe, gesture)

    sparsity = slider(
        scope,
        "magnitude",
        "sparsity",
        knobs(steps["magnitude"])["sparsity"],
        lambda value: for_selected(
            lambda recipe, path: set_knobs(
                recipe, "magnitude", path, sparsity=value, scope="tensor"
            ),
            "own sparsity",
        ),
        high=MOST_SPARSITY,
    )
    bits = bit_slider(
        scope,
        "uniform",
        knobs(steps["uniform"])["bits"],
        lambda value: for_selected(
            lambda recipe, path: (
                switch_off(recipe, "uniform", path)
                if value == FLOAT_BITS
                else set_bits(recipe, "uniform", value, path)
            ),
            "own bits",
        ),
    )
    back = scope.make(ipywidgets.Button, layout={"width": "auto"})
    scope.words(back, description="screen.inherit")
    back.on_click(lambda _: for_selected(_inherit_all, ""))
    spare = scope.make(ipywidgets.Button, layout={"width": "auto"})
    scope.words(spare, description="screen.spare")
    spare.on_click(lambda _: for_selected(_spare, ""))
    title = scope.make(ipywidgets.HTML)
    buttons = scope.make(ipywidgets.HBox, [back, spare])
    group = scope.make(
        ipywidgets.VBox, [title, sparsity.widget, bits.widget, buttons], name="wb-group"
    )

    @scope.watch("selection", "before", "recipe", "lang")
    def update() -> None:
        chosen = session.selection
        key = "screen.selected" if chosen else "screen.select_rows"
        title.value = scope.say(key, count=len(chosen))
        for widget in (sparsity.widget, bits.widget, back, spare):
            widget.disabled = not chosen
        before = session.before
        # While a newer one is computed, the old one must not move the user's slider.
        if chosen and before and before.recipe.plans == session.recipe.plans:
            every = {site.path: site for site in with_gates(session.sites)}
            last = every.get(chosen[-1])
            if last is not None:
                tensor = tensor_of(before.network.tensors, last)
                sparsity.show(_own_sparsity(session.recipe, chosen[-1], tensor))
                bits.show(tensor.bits)

    return group


def _own_sparsity(recipe: Recipe, path: str, tensor: CompressedTensor) -> float:
    """What was asked of a tensor itself, else what it has; rounding adds zeros."""
    own = own_choice(recipe, "magnitude", path)
    asked = None if own is None or own.is_off else dict(own.values).get("sparsity")
    return min(tensor.sparsity if asked is None else float(asked), MOST_SPARSITY)


def _inherit_all(recipe: Recipe, path: str) -> Recipe:
    for step in steps:
        recipe = inherit(recipe, step, path)
    return recipe


def _spare(recipe: Recipe, path: str) -> Recipe:
    """Leave a tensor as it is: what wider plans ask for is off."""
    recipe = _inherit_all(recipe, path)
    # One code that is off may bring back that of a wider plan.
    while asked := recipe.steps_for(path):
        recipe = switch_off(recipe, asked[0].name, path)
    return recipe
