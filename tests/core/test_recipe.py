"""The recipe as text: round trips, and what it refuses."""

import json

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
