"""The size slider: one wish over all tensors, and what is said of it."""

from dataclasses import replace
from typing import Any

from tests.chain.models import case
from workbench.core.edit import set_knobs
from workbench.core.readable import points, size
from workbench.core.recipe import Recipe
from workbench.core.wish import Wish
from workbench.panels.scope import Scope
from workbench.panels.wish import OFF, size_slider
from workbench.session import Session


def test_the_slider_asks_and_says_what_was_decided():
    form = case("dense")
    session = Session(form.model, form.data, is_kept=False)
    scope = Scope(session, None)  # type: ignore[arg-type]
    parts: list[Any] = size_slider(scope)
    slider, note = parts
    assert (slider.value, note.value) == (OFF, "")
    assert session.original_sizes is not None
    whole = session.original_sizes.float32.value
    slider.value = 2
    assert session.recipe.wish == Wish(nbytes=round(whole / 2))
    assert session.before.network.sparsity > 0
    said = f"The file takes {size(session.decision.nbytes)}."
    assert note.value.startswith(said)
    assert f"add up to {session.decision.error:.1%}" in note.value
    gap = session.before.measurement.difference
    assert f"Measured: {points(gap, session.workload.metric.info, 'en')}" in note.value
    session.lang = "zh"
    assert note.value.startswith("文件为")
    assert "实测" in note.value
    assert slider.value == 2
    session.edit(replace(session.recipe, wish=Wish(nbytes=round(whole / 8), bits=(4,))))
    assert slider.value == 8
    slider.value = 6
    assert session.recipe.wish == Wish(nbytes=round(whole / 6), bits=(4,))
    session.undo()
    assert slider.value == 8
    session.edit(set_knobs(session.recipe, "magnitude", sparsity=0.5))
    assert (slider.value, note.value) == (OFF, "")
    session.edit(Recipe(wish=Wish(nbytes=1)))
    assert note.value.startswith("这个愿望无法满足")
    slider.value = 4
    slider.value = OFF
    assert session.recipe == Recipe(session.recipe.plans)
    assert not any(plan.is_decided for plan in session.recipe.plans)
    scope.close()
    session.close()
