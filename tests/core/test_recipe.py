"""The recipe: round trips, the cascade, and what it refuses."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.core.errors import UserError
from workbench.core.knob import knobs
from workbench.core.recipe import VERSION, Choice, Plan, Recipe, Retraining
from workbench.core.step import steps

FULL = Recipe(
    plans=(
        Plan(
            "*",
            (Choice.of("magnitude", sparsity=0.8), Choice.of("uniform", bits=4)),
            Choice.of("activations", bits=8),
        ),
        Plan("lstm/kernel[f]", (Choice("magnitude", is_off=True),)),
        Plan("out/*", activations=Choice("activations", is_off=True)),
    ),
    retraining=Retraining(epochs=2, learning_rate=1e-05),
    seed=7,
)


@pytest.mark.parametrize("style", ["json", "yaml"])
@pytest.mark.parametrize("recipe", [Recipe(), FULL])
def test_round_trip(recipe, style):
    again = Recipe.loads(recipe.dumps(style))
    assert again == recipe
    assert hash(again) == hash(recipe)
    assert again.to_json() == recipe.to_json()


def test_a_resolved_recipe_stands_for_the_recipe_in_it():
    recipe = Recipe((Plan("*", (Choice.of("uniform", bits=4),)),), seed=3)
    resolved = {"version": 1, "model": "m", "recipe": recipe.to_json(), "tensors": []}
    assert Recipe.loads(json.dumps(resolved)) == recipe


def test_the_format_stays():
    text = """
    version: 1
    seed: 7
    plans:
    - target: '*'
      steps:
      - {step: magnitude, sparsity: 0.8}
      - {step: uniform, bits: 4}
      activations: {bits: 8}
    - target: lstm/kernel[f]
      steps: [{step: magnitude, off: true}]
    - target: out/*
      activations: {off: true}
    retraining: {epochs: 2, learning_rate: 1e-05}
    """
    assert Recipe.loads(text) == FULL


@pytest.mark.parametrize("number", ["1e-05", "1.0e-5", "0.00001", "1E-5"])
@pytest.mark.parametrize(
    "form",
    ["version: 1\nretraining: {learning_rate: NUM}", '{"version": 1, "retraining": '
     '{"learning_rate": NUM}}'],
)  # fmt: skip
def test_numbers_as_people_and_json_write_them(number, form):
    retraining = Recipe.loads(form.replace("NUM", number)).retraining
    assert retraining is not None
    assert retraining.learning_rate == 1e-5


def test_wishes_are_equal_whatever_the_order_of_their_knobs():
    one = Recipe((Plan("*", (Choice.of("uniform", bits=4, symmetric=True),)),))
    same = Recipe((Plan("*", (Choice.of("uniform", symmetric=True, bits=4),)),))
    other = Recipe((Plan("*", (Choice.of("uniform", bits=5, symmetric=True),)),))
    assert one == same != other
    assert hash(one) == hash(same)


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


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must be an object"),
        ("[]", "must be an object"),
        ("version: 1\n  plans: []", "must be JSON or YAML"),
        ("[" * 100_000, "must be JSON or YAML"),
        ("!!python/object/apply:os.system [ls]", "must be JSON or YAML"),
        ("plans: []", "must begin with a version"),
        ("version: true", "must begin with a version"),
        ("version: 1.0", "must begin with a version"),
        ("version: 0", "must begin with a version"),
        (f"version: {VERSION + 1}", "newer workbench"),
        ("version: 1\nplan: []", "no field 'plan'"),
        ("version: 1\n3: []", "no field '3'"),
        ("version: 1\nplans: {}", "must be a list"),
        ("version: 1\nplans: [1]", "must be an object"),
        ("version: 1\nplans: [{target: ''}]", "target"),
        ("version: 1\nplans: [{target: 3}]", "target"),
        ("version: 1\nplans: [{tgt: '*'}]", "no field 'tgt'"),
        ("version: 1\nplans: [{steps: {}}]", "must be a list"),
        ("version: 1\nplans: [{steps: [magnitude]}]", "must be an object"),
        ("version: 1\nplans: [{steps: [{sparsity: 1}]}]", "no method None"),
        ("version: 1\nplans: [{steps: [{step: svd2}]}]", "no method 'svd2'"),
        ("version: 1\nplans: [{steps: [{step: activations}]}]", "no method"),
        ("version: 1\nplans: [{steps: [{step: uniform, off: 1}]}]", "true or false"),
        ("version: 1\nplans: [{steps: [{step: uniform, bitz: 1}]}]", "no setting"),
        ("version: 1\nplans: [{steps: [{step: uniform, bits: 1}]}]", r"\[2, 16\]"),
        ("version: 1\nplans: [{steps: [{step: uniform, bits: 2.5}]}]", "whole number"),
        ("version: 1\nplans: [{steps: [{step: uniform, bits: '8'}]}]", "a number"),
        ("version: 1\nplans: [{steps: [{step: uniform, bits: .nan}]}]", r"\[2, 16\]"),
        ("version: 1\nplans: [{steps: [{step: uniform, range: max}]}]", "one of"),
        ("version: 1\nplans: [{activations: 8}]", "must be an object"),
        ("version: 1\nplans: [{activations: {bits: 3}}]", r"\[4, 16\]"),
        ("version: 1\nretraining: 3", "must be an object"),
        ("version: 1\nretraining: {epochs: 0}", r"\[1, 1000\]"),
        ("version: 1\nretraining: {epoch: 1}", "no field 'epoch'"),
        ("version: 1\nseed: -1", "seed"),
        ("version: 1\nseed: 1.5", "seed"),
        ("version: 1\nseed: true", "seed"),
        ("version: 1\nseed: 2147483648", "seed"),
    ],
)
def test_what_is_no_recipe_is_said_in_one_sentence(text, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        Recipe.loads(text)
    for lang in ("en", "zh"):
        assert "\n" not in caught.value.text(lang)


def knob_value(knob):
    if knob.kind == "bool":
        return st.booleans()
    if knob.kind == "choice":
        return st.sampled_from(knob.choices)
    if knob.kind == "int":
        return st.integers(int(knob.low), int(knob.high))
    return st.floats(knob.low, knob.high)


@st.composite
def choices(draw):
    name = draw(st.sampled_from(list(steps)))
    declared = knobs(steps[name])
    values = {}
    for knob_name in draw(st.permutations(list(declared))):
        if declared[knob_name].excludes not in values and draw(st.booleans()):
            values[knob_name] = draw(knob_value(declared[knob_name]))
    return Choice.of(name, **values)


recipes = st.builds(
    Recipe,
    plans=st.lists(
        st.builds(
            Plan,
            target=st.text(min_size=1),
            steps=st.lists(choices(), max_size=3).map(tuple),
        ),
        max_size=4,
    ).map(tuple),
    seed=st.integers(0, 2**31 - 1),
)


@given(recipe=recipes)
def test_any_recipe_comes_back(recipe):
    assert Recipe.loads(recipe.dumps("json")) == recipe
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


printable = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")))


@given(target=printable.filter(bool))
@example(target="1e5")
@example(target="off")
@example(target="true")
@example(target="null")
@example(target="2026-01-01")
def test_any_printable_target_comes_back_from_yaml(target):
    recipe = Recipe((Plan(target),))
    assert Recipe.loads(recipe.dumps("yaml")) == recipe


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
