"""From which sparsity on zeros save bytes at all, said below the slider."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets

from workbench.core.cost import break_even

if TYPE_CHECKING:
    from workbench.panels.scope import Scope


def break_even_note(scope: Scope) -> ipywidgets.Widget:
    """One sentence, for the bit widths that the kernels have now."""
    note = scope.make(ipywidgets.HTML, name="wb-note")

    @scope.watch("before", "lang")
    def update() -> None:
        before = scope.session.before
        if before is None:
            note.value = ""
            return
        levels = [break_even(each.bits) for each in before.sizes.tensors.values()]
        low, high = min(levels, default=0.0), max(levels, default=0.0)
        key = "size.break_even" if low == high else "size.break_evens"
        note.value = escape(scope.say(key, low=f"{low:.1%}", high=f"{high:.1%}"))

    return note
