"""Plans: what a target covers, how plans cascade, in which order steps come."""

from typing import Any

import pytest

from workbench.core.errors import UserError
from workbench.core.recipe import Choice, Plan, Recipe


def values_of(recipe, path, name="magnitude") -> Any:
    found = [step for step in recipe.steps_for(path) if step.name == name]
    return found[0] if found else None


def test_later_plans_override_knob_by_knob():
    recipe = Recipe(
        (
            Plan("*", (Choice.of("magnitude", sparsity=0.8, scope="global"),)),
            Plan("a/*", (Choice.of("magnitude", sparsity=0.5),)),
        )
    )
    assert values_of(recipe, "b/kernel").sparsity == 0.8
    narrow = values_of(recipe, "a/kernel")
    assert (narrow.sparsity, narrow.scope) == (0.5, "global")


def test_two_faces_of_one_wish_replace_each_other():
    recipe = Recipe(
        (
            Plan("*", (Choice.of("magnitude", sparsity=0.8),)),
            Plan("a/*", (Choice.of("magnitude", threshold=0.1),)),
            Plan("a/b", (Choice.of("magnitude", sparsity=0.3),)),
        )
    )
    assert values_of(recipe, "a/c").threshold == 0.1
    assert values_of(recipe, "a/c").sparsity == 0.0
    assert values_of(recipe, "a/b").threshold is None
    assert values_of(recipe, "a/b").sparsity == 0.3


def test_both_faces_at_once_are_refused():
    with pytest.raises(UserError, match="only one of"):
        Choice.of("magnitude", sparsity=0.8, threshold=0.1)
    assert Choice.of("magnitude", sparsity=0.8, threshold=None).values


def test_an_unset_face_clears_nothing():
    recipe = Recipe(
        (
            Plan("*", (Choice.of("magnitude", sparsity=0.8),)),
            Plan("a", (Choice.of("magnitude", threshold=None),)),
        )
    )
    assert values_of(recipe, "a").sparsity == 0.8


def test_a_step_can_be_switched_off_and_on_again():
    recipe = Recipe(
        (
            Plan("*", (Choice.of("magnitude", sparsity=0.8),)),
            Plan("a/*", (Choice("magnitude", is_off=True),)),
            Plan("a/b", (Choice.of("magnitude"),)),
        )
    )
    assert values_of(recipe, "a/c") is None
    assert values_of(recipe, "a/b").sparsity == 0.0


def test_activations_cascade_over_all_paths_behind_a_place():
    recipe = Recipe(
        (
            Plan("*", activations=Choice.of("activations", bits=8)),
            Plan("conv/*", activations=Choice.of("activations", range="mse")),
            Plan("out/output", activations=Choice("activations", is_off=True)),
        )
    )
    found = recipe.activations_for("relu/output", "conv/kernel")
    assert found is not None
    assert (found.bits, found.range) == (8, "mse")
    assert recipe.activations_for("out/output", "conv/kernel") is None
    assert Recipe().activations_for("relu/output") is None


@pytest.mark.parametrize(
    ("target", "path", "matches"),
    [
        ("*", "a/b/kernel", True),
        ("a/*", "a/b/kernel", True),
        ("a/?/kernel", "a/b/kernel", True),
        ("a/kernel", "a/kernel_1", False),
        ("kernel", "a/kernel", False),
        ("lstm/kernel[f]", "lstm/kernel[f]", True),
        ("lstm/kernel[f]", "lstm/kernelf", False),
        ("lstm/kernel[*]", "lstm/kernel[f]", True),
        ("a.b", "axb", False),
        ("A/*", "a/kernel", False),
    ],
)
def test_targets_are_globs_with_plain_brackets(target, path, matches):
    assert Plan(target).matches(path) is matches


def test_quantizing_before_pruning_is_refused():
    recipe = Recipe(
        (Plan("*", (Choice.of("uniform"), Choice.of("magnitude", sparsity=0.5))),)
    )
    with pytest.raises(UserError, match="magnitude must come before uniform"):
        recipe.steps_for("a/kernel")


def test_a_step_added_by_a_later_plan_keeps_its_order():
    recipe = Recipe(
        (
            Plan("*", (Choice.of("uniform", bits=4),)),
            Plan("*", (Choice.of("magnitude", sparsity=0.5),)),
        )
    )
    with pytest.raises(UserError, match="must come before"):
        recipe.steps_for("a/kernel")


def test_a_narrower_plan_may_add_an_earlier_step():
    wide = Plan("*", (Choice.of("uniform", bits=4),))
    narrow = Plan("dense/kernel", (Choice.of("magnitude", sparsity=0.5),))
    made = Recipe((wide, narrow)).steps_for("dense/kernel")
    assert [step.name for step in made] == ["magnitude", "uniform"]


def test_two_codes_for_the_same_weights_are_refused():
    codes = (Choice.of("uniform"), Choice.of("step_of_bits"))
    recipe = Recipe((Plan("*", (Choice.of("magnitude"), *codes)),))
    with pytest.raises(UserError, match="only one step may code") as caught:
        recipe.steps_for("a/kernel")
    assert "uniform and step_of_bits" in str(caught.value)


def test_the_code_of_a_narrower_plan_stands_in_for_the_wider_ones():
    recipe = Recipe(
        (
            Plan("*", (Choice.of("magnitude"), Choice.of("uniform", bits=4))),
            Plan("a*", (Choice.of("step_of_bits", bits=3),)),
            Plan("a/last", (Choice.of("uniform", symmetric=False),)),
        )
    )
    names = {p: [s.name for s in recipe.steps_for(p)] for p in ("b", "a/b", "a/last")}
    assert names == {
        "b": ["magnitude", "uniform"],
        "a/b": ["magnitude", "step_of_bits"],
        "a/last": ["magnitude", "uniform"],
    }
    last = recipe.steps_for("a/last")[-1]
    assert (last.bits, last.symmetric) == (4, False)  # type: ignore[attr-defined]


def test_a_narrower_code_that_is_off_leaves_the_wider_ones():
    off = Plan("a*", (Choice("step_of_bits", is_off=True),))
    recipe = Recipe((Plan("*", (Choice.of("uniform"),)), off))
    assert [step.name for step in recipe.steps_for("a/b")] == ["uniform"]
