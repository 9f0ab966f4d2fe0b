import pytest

from workbench.core.activations import ActivationQuantization
from workbench.core.edit import (
    inherit,
    is_repaired,
    knobs_for,
    leave_out,
    own_choice,
    set_bits,
    set_knobs,
    set_repair,
    switch_off,
    switch_on,
    wide_knobs,
)
from workbench.core.errors import UserError
from workbench.core.knob import Value, knobs
from workbench.core.link import from_word, to_word
from workbench.core.presets import MISTAKES, PRESETS
from workbench.core.recipe import Choice, Recipe

PATH = "dense/kernel"


def knob_values(recipe: Recipe, step: str, path: str) -> dict[str, Value] | None:
    """The knobs of a step that hold for a path; None where it is not applied."""
    if step == "activations":
        found = recipe.activations_for(path)
    else:
        made = recipe.steps_for(path)
        found = next((one for one in made if one.name == step), None)
    if found is None:
        return None
    return {name: getattr(found, name) for name in knobs(type(found))}


def bits(recipe: Recipe, path: str = PATH) -> Value:
    values = knob_values(recipe, "uniform", path)
    assert values is not None
    return values["bits"]


def names(recipe: Recipe, path: str = PATH) -> list[str]:
    return [step.name for step in recipe.steps_for(path)]


def test_steps_come_in_their_sane_order_however_they_are_set():
    recipe = set_knobs(Recipe(), "uniform", bits=4)
    recipe = set_knobs(recipe, "magnitude", sparsity=0.5)
    assert names(recipe) == ["magnitude", "uniform"]


def test_threshold_and_sparsity_are_two_faces_of_one_knob():
    recipe = set_knobs(Recipe(), "magnitude", sparsity=0.5, scope="global")
    recipe = set_knobs(recipe, "magnitude", threshold=0.1)
    values = knob_values(recipe, "magnitude", PATH)
    assert values == {"sparsity": 0.0, "threshold": 0.1, "scope": "global"}
    values = knob_values(
        set_knobs(recipe, "magnitude", sparsity=0.3), "magnitude", PATH
    )
    assert values == {"sparsity": 0.3, "threshold": None, "scope": "global"}


def test_an_override_beats_the_wide_plan_whichever_was_set_first():
    recipe = set_knobs(Recipe(), "uniform", PATH, bits=8)
    recipe = set_knobs(recipe, "uniform", bits=3)
    assert bits(recipe) == 8
    assert bits(recipe, "other/kernel") == 3


def test_off_and_inherit():
    recipe = set_knobs(Recipe(), "uniform", bits=3)
    off = switch_off(recipe, "uniform", PATH)
    assert names(off) == []
    assert names(off, "other/kernel") == ["uniform"]
    assert own_choice(off, "uniform", PATH) == Choice("uniform", is_off=True)
    assert inherit(off, "uniform", PATH) == recipe
    on = set_knobs(off, "uniform", PATH, bits=5)
    assert bits(on) == 5


def test_off_for_everything_drops_the_step():
    recipe = set_knobs(Recipe(), "uniform", bits=3)
    assert switch_off(recipe, "uniform") == Recipe()


def test_activations():
    recipe = set_knobs(Recipe(), "activations", bits=6)
    wish = ActivationQuantization(bits=6)
    assert recipe.activations_for("any/output") == wish
    off = switch_off(recipe, "activations", "any/output")
    assert off.activations_for("any/output") is None
    assert off.activations_for("other/output") == wish
    assert knob_values(recipe, "activations", "x/output") == {
        "bits": 6,
        "range": "minmax",
        "edges": "quantized",
    }
    assert switch_off(recipe, "activations") == Recipe()


@pytest.mark.parametrize("recipe", [*PRESETS.values(), *MISTAKES.values(), Recipe()])
def test_a_recipe_survives_its_address(recipe):
    word = to_word(recipe)
    assert from_word(word) == recipe
    assert word.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("word", ["", "x", "!!!!", "AAAA", "eJwDAAAAAAE"])
def test_a_damaged_address_is_refused(word):
    with pytest.raises(UserError):
        from_word(word)


def test_repair_covers_pruning_and_whatever_is_rounded_then_or_later():
    pruned = set_knobs(Recipe(), "magnitude", sparsity=0.8)
    repaired = set_repair(pruned, is_on=True)
    assert is_repaired(repaired)
    assert wide_knobs(repaired, "uniform") is None
    coded = wide_knobs(set_bits(repaired, "uniform", 4), "uniform")
    assert coded is not None
    assert (coded["rounding"], coded["range"]) == ("adaptive", "mse")
    before = set_bits(pruned, "uniform", 4)
    assert set_repair(before, is_on=True) == set_bits(repaired, "uniform", 4)
    back = set_repair(set_repair(before, is_on=True), is_on=False)
    assert not is_repaired(back)
    assert not back.has_repairs
    assert repaired.has_repairs


@pytest.mark.parametrize("target", ["*", PATH])
def test_repair_covers_whichever_step_codes(target):
    recipe = set_knobs(Recipe(), "clustering", target, clusters=8)
    repaired = set_repair(recipe, is_on=True)
    expected = {"clusters": 8, "granularity": "tensor", "rounding": "adaptive"}
    assert knob_values(repaired, "clustering", PATH) == expected
    ticked = switch_on(set_repair(Recipe(), is_on=True), "clustering", target)
    coded = knob_values(ticked, "clustering", PATH)
    assert coded is not None
    assert coded["rounding"] == "adaptive"
    bits = set_bits(set_repair(Recipe(), is_on=True), "uniform", 4, target)
    coded = knob_values(bits, "uniform", PATH)
    assert coded is not None
    assert (coded["rounding"], coded["range"]) == ("adaptive", "mse")
    back = set_repair(repaired, is_on=False)
    assert knob_values(back, "clustering", PATH) == expected | {"rounding": "nearest"}


def test_what_is_left_out_says_so_only_where_it_must():
    own = set_knobs(Recipe(), "n_of_m", PATH)
    assert leave_out(own, "n_of_m", PATH) == Recipe()
    wide = set_knobs(own, "n_of_m", pattern="1:4")
    left = leave_out(wide, "n_of_m", PATH)
    assert own_choice(left, "n_of_m", PATH) == Choice("n_of_m", is_off=True)
    assert knobs_for(left, "n_of_m", PATH) is None
    assert knobs_for(left, "n_of_m", "other/kernel") == {"pattern": "1:4"}
    assert leave_out(left, "n_of_m") == Recipe(left.plans[1:])
