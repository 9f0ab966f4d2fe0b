"""Gates of recurrent kernels: each addressed and treated alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.core.recurrent import (
    GRU,
    HEAD,
    LSTM,
    SITES,
    WEIGHTS,
    gate,
    place,
    pruned,
    run,
)
from workbench.core.codes import Gates
from workbench.core.edit import set_knobs, switch_off
from workbench.core.errors import UserError
from workbench.core.gates import gates_of, weights_of, with_gates
from workbench.core.recipe import Choice, Plan, Recipe


def test_gates_are_slices_of_the_last_axis_in_the_order_of_keras():
    assert [g.path for g in gates_of(LSTM)] == [f"lstm/kernel[{g}]" for g in "ifco"]
    assert [g.path[-3:] for g in gates_of(GRU)] == ["[z]", "[r]", "[h]"]
    forget = place("lstm/kernel[f]")
    assert (forget.shape, forget.start, forget.whole) == ((8, 6), 6, "lstm/kernel")
    np.testing.assert_array_equal(
        weights_of(WEIGHTS, forget), WEIGHTS["lstm/kernel"][:, 6:12]
    )
    assert gates_of(HEAD) == ()


@pytest.mark.parametrize(
    ("target", "hit"),
    [
        ("lstm/kernel[f]", {"lstm/kernel[f]"}),
        ("*[f]", {"lstm/kernel[f]"}),
        ("*[?]", {g.path for s in SITES for g in gates_of(s)}),
        ("lstm/*", {g.path for g in gates_of(LSTM)}),
        ("lstm/kernel", {g.path for g in gates_of(LSTM)}),
        ("*", {g.path for s in SITES for g in gates_of(s)}),
        ("gru/*[[]h]", set()),
        ("kernel[f]", set()),
    ],
)
def test_what_a_target_covers(target, hit):
    plan = Plan(target)
    gates = [site for site in with_gates(SITES) if site.whole]
    assert {site.path for site in gates if plan.matches(site.path)} == hit
    assert plan.matches("lstm/kernel") == (target in {"lstm/*", "lstm/kernel", "*"})


def test_a_plan_for_a_gate_lays_its_knobs_over_wider_ones():
    wide = (Choice.of("magnitude", sparsity=0.5, scope="tensor"),)
    wide += (Choice.of("uniform", bits=6, range="mse"),)
    own = Plan("*[f]", (Choice.of("uniform", bits=3),))
    network = run(Recipe((Plan("*", wide), own, pruned("lstm/kernel[o]", 0.875))))
    found = {g: gate(network, f"lstm/kernel[{g}]") for g in "ifco"}
    assert {g: t.bits for g, t in found.items()} == {"i": 6, "f": 3, "c": 6, "o": 6}
    masks = {g: float(1 - t.mask.mean()) for g, t in found.items()}
    assert masks == {"i": 0.5, "f": 0.5, "c": 0.5, "o": 0.875}
    step: Any = Recipe((Plan("*", wide), own)).steps_for("x[f]")[-1]
    assert (step.bits, step.range) == (3, "mse")
    # The GRU has no forget gate: it is treated whole.
    assert not isinstance(network.tensors["gru/recurrent_kernel"].code, Gates)


def test_without_a_gate_all_is_as_if_there_were_none():
    recipe = Recipe(
        (
            Plan("*", (Choice.of("magnitude", sparsity=0.7),)),
            Plan("lstm/kernel", (Choice.of("uniform", bits=4),)),
            Plan("*[f]", (), Choice.of("activations", bits=8)),
        )
    )
    plain = run(recipe, tuple(replace(site, gates=()) for site in SITES))
    network = run(recipe)
    assert network.digest == plain.digest
    for path, tensor in network.tensors.items():
        assert type(tensor.code) is type(plain.tensors[path].code)
        np.testing.assert_array_equal(tensor.dense, plain.tensors[path].dense)


@pytest.mark.parametrize("target", ["lstm/kernel[q]", "*[q]", "lstm/kernel[]"])
def test_a_gate_that_is_none_is_refused(target):
    with pytest.raises(UserError) as caught:
        run(Recipe((pruned(target, 0.5),)))
    assert str(caught.value) == (
        f"A gate of lstm/kernel must be one of i, f, c, o. Received: {target}."
    )
    with pytest.raises(UserError) as caught:
        run(Recipe((pruned("head/kernel[f]", 0.5),)))
    assert str(caught.value).endswith("head/kernel is none. Received: head/kernel[f].")


def test_a_recipe_for_any_model_may_name_gates_that_this_one_has_not():
    weights = {HEAD.path: WEIGHTS[HEAD.path]}
    assert run(Recipe((pruned("*[f]", 0.5),)), (HEAD,), weights).sparsity == 0


def test_recipes_come_back():
    recipe = set_knobs(Recipe(), "magnitude", "*[f]", sparsity=0.9)
    recipe = set_knobs(recipe, "uniform", "gru/recurrent_kernel[z]", bits=2)
    for style in ("json", "yaml"):
        assert Recipe.loads(recipe.dumps(style)) == recipe


def test_a_kernel_is_set_behind_none_of_its_gates():
    recipe = set_knobs(Recipe(), "uniform", "lstm/kernel[f]", bits=2)
    recipe = set_knobs(recipe, "uniform", "lstm/kernel", bits=8)
    recipe = set_knobs(recipe, "uniform", bits=5)
    assert [p.target for p in recipe.plans] == ["*", "lstm/kernel", "lstm/kernel[f]"]
    network = run(recipe)
    widths = [gate(network, f"lstm/kernel[{g}]").bits for g in "ifco"]
    assert widths == [8, 2, 8, 8]
    off = run(switch_off(recipe, "uniform", "lstm/kernel[c]"))
    assert gate(off, "lstm/kernel[c]").bits == 32


def test_each_gate_is_what_its_slice_alone_becomes():
    recipe = Recipe(
        (
            Plan("*", (Choice.of("magnitude", sparsity=0.4, scope="tensor"),)),
            Plan("*[c]", (Choice.of("clustering", clusters=4),)),
            Plan("*[f]", (Choice.of("uniform", bits=3, granularity="tensor"),)),
        )
    )
    network = run(recipe)
    for one in gates_of(LSTM):
        alone = replace(one, path=one.path, whole="", start=0)
        expected = run(recipe, (alone,), {one.path: weights_of(WEIGHTS, one)})
        np.testing.assert_array_equal(
            gate(network, one.path).dense, expected.tensors[one.path].dense
        )
    codes = [type(part.code).__name__ for part in network.tensors[LSTM.path].code.parts]
    assert codes == ["Float", "Affine", "Codebook", "Float"]


def test_a_pool_leaves_out_the_gates_with_an_own_setting():
    wide = Plan("*", (Choice.of("magnitude", sparsity=0.8, scope="lamp"),))
    network = run(Recipe((wide, pruned("lstm/kernel[f]", 0.25))))
    assert gate(network, "lstm/kernel[f]").sparsity == 0.25
    own = place("lstm/kernel[f]").parameters
    zeros = sum(t.dense.size - t.nonzeros for t in network.tensors.values()) - own / 4
    assert zeros == round(0.8 * (network.parameters - own))


def test_a_gate_is_not_factorized_and_says_so():
    recipe = Recipe((Plan("*", (Choice.of("svd", rank=0.5),)), pruned("*[f]", 0.5)))
    skipped = [s for s in run(recipe).skipped if s.reason == "gate.low_rank"]
    assert [one.path for one in skipped] == [g.path for g in gates_of(LSTM)]


def test_what_is_the_same_is_taken_over():
    first = run(Recipe((pruned("*[f]", 0.5),)))
    same = run(Recipe((pruned("*[f]", 0.5), pruned("head/*", 0.5))), previous=first)
    assert same.tensors[LSTM.path] is first.tensors[LSTM.path]
    other = run(Recipe((pruned("*[f]", 0.6),)), previous=first)
    assert other.tensors[LSTM.path] is not first.tensors[LSTM.path]
    assert gate(other, "lstm/kernel[i]") is gate(first, "lstm/kernel[i]")
