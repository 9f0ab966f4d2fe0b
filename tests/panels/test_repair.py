"""The tick for repair: what it asks for, and what loads beside it."""

import ipywidgets

from workbench.core.edit import is_repaired, set_bits, set_repair, wide_knobs
from workbench.core.presets import PRESETS
from workbench.core.recipe import Recipe
from workbench.panels.pruning import repair
from workbench.panels.scope import Scope
from workbench.panels.settings import preset_recipe


def test_the_tick_repairs_and_follows_the_recipe(session):
    scope = Scope(session, None)  # type: ignore[arg-type]
    box = repair(scope)
    assert isinstance(box, ipywidgets.Checkbox)
    session.edit(set_bits(Recipe(), "uniform", 3))
    plain = session.before.network
    assert not box.value
    box.value = True
    assert is_repaired(session.recipe)
    repaired = session.before.network
    assert not repaired.skipped
    assert repaired.others, "A bias has taken up what rounding moved."
    assert repaired.digest != plain.digest
    session.undo()
    assert not box.value
    assert session.before.network.digest == plain.digest
    scope.close()


def test_a_preset_keeps_the_repair():
    ticked = set_repair(Recipe(), is_on=True)
    for preset in PRESETS.values():
        assert not is_repaired(preset_recipe(Recipe(), preset))
        loaded = preset_recipe(ticked, preset)
        assert is_repaired(loaded)
        knobs = wide_knobs(loaded, "uniform")
        assert knobs is not None
        assert knobs["rounding"] == "adaptive"
