"""Gates of recurrent kernels: each addressed and treated alone, then put together."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.test_steps import chains, few, usual
from workbench.core.bitstream import Place, decode, encode
from workbench.core.calibration import Bias, Gram
from workbench.core.checkpoint import from_arrays, to_arrays
from workbench.core.coded import coded_bytes
from workbench.core.codes import Gates
from workbench.core.compress import compress
from workbench.core.cost import tensor_sizes
from workbench.core.edit import set_knobs, set_repair, switch_off
from workbench.core.errors import UserError
from workbench.core.gates import GATES, gates_of, tensor_of, weights_of, with_gates
from workbench.core.groups import Group, Part
from workbench.core.knob import knobs
from workbench.core.measurement import Retrained
from workbench.core.network import array_digest
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.resolved import resolve
from workbench.core.shrinking import smaller
from workbench.core.step import CODING, RANK, steps
from workbench.core.tensor import Site

RNG = np.random.default_rng(0)
LSTM = Site("lstm/kernel", "recurrent", (8, 24), (1,), gates=GATES["LSTM"])
GRU = Site("gru/recurrent_kernel", "recurrent", (6, 18), (1,), gates=GATES["GRU"])
HEAD = Site("head/kernel", "dense", (6, 4), (1,))
SITES = (LSTM, GRU, HEAD)
WEIGHTS = {s.path: RNG.normal(size=s.shape).astype(np.float32) for s in SITES}
PER_TENSOR = sorted(
    name
    for name in steps
    if name != "structured" and steps[name].phase <= CODING
    if steps[name].phase != RANK
)


def run(recipe, sites=SITES, weights=WEIGHTS, **more) -> Any:
    digests = {path: array_digest(w) for path, w in weights.items()}
    return compress(sites, weights, recipe, digests=digests, **more)


def place(path, sites=SITES):
    return next(site for site in with_gates(sites) if site.path == path)


def gate(network, path) -> Any:
    return tensor_of(network.tensors, place(path))


def pruned(target, sparsity):
    return Plan(target, (Choice.of("magnitude", sparsity=sparsity, scope="tensor"),))


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


@settings(deadline=None)
@given(data=st.data(), chain=chains(PER_TENSOR), rest=chains(PER_TENSOR))
def test_laws_of_a_kernel_whose_gates_differ(data, chain, rest):
    numbers = data.draw(st.sampled_from([usual, few]))
    flat = data.draw(st.lists(numbers, min_size=48, max_size=48))
    site = Site("gru/kernel", "recurrent", (4, 12), (1,), gates=GATES["GRU"])
    weights = {"gru/kernel": np.array(flat, np.float32).reshape(site.shape)}
    before = weights["gru/kernel"].copy()
    wide = Plan("*", tuple(map(choice, rest)))
    own = Plan("*[r]", tuple(map(choice, chain)))
    tensor = run(Recipe((wide, own)), (site,), weights).tensors["gru/kernel"]
    np.testing.assert_array_equal(weights["gru/kernel"], before)
    mask = np.ones(site.shape, bool) if tensor.mask is None else tensor.mask
    np.testing.assert_array_equal(tensor.code.decode() * mask, tensor.dense)
    assert tensor.dense.shape == site.shape
    again: Any = decode(encode([tensor]), [Place(site.shape)])[0]
    np.testing.assert_array_equal(again.dense, tensor.dense)
    assert isinstance(again.code, Gates) == isinstance(tensor.code, Gates)
    whole = tensor.code.integers() if isinstance(tensor.code, Gates) else None
    if whole is not None:
        np.testing.assert_array_equal(whole.decode() * mask, tensor.dense)


def choice(step):
    values = {
        name: getattr(step, name)
        for name in knobs(type(step))
        if not (name in {"sparsity", "threshold"} and step.name == "magnitude")
    }
    return Choice.of(step.name, **values)


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


def gram(site):
    inputs = site.shape[0]
    x = RNG.normal(size=(200, inputs)) @ RNG.normal(size=(inputs, inputs)) + 1
    return Gram(
        (x.T @ x / 200).astype(np.float32)[None],
        x.mean(0, keepdims=True).astype(np.float32),
        200,
        Bias("lstm/bias"),
    )


def test_repairs_go_gate_by_gate_and_keep_the_mean():
    site: Any = replace(LSTM, gram=gram(LSTM))
    weights = {LSTM.path: WEIGHTS[LSTM.path]}
    biases = {"lstm/bias": np.zeros(24, np.float32)}
    recipe = Recipe(
        (
            Plan("*", (Choice.of("magnitude", sparsity=0.5, scope="tensor"),)),
            Plan("*[f]", (Choice.of("uniform", bits=4),)),
        )
    )
    repaired = set_repair(recipe, is_on=True)
    plain = run(recipe, (site,), weights, biases=biases)
    better = run(repaired, (site,), weights, biases=biases)
    h = site.gram.hessian(damping=0.0)[0]
    for one in gates_of(site):
        lost = [
            weights_of(weights, one) - tensor_of(n.tensors, one).dense
            for n in (plain, better)
        ]
        before, after = (np.einsum("io,ij,jo->", g, h, g) for g in lost)
        assert after < before
    assert better.others is not None
    gap = weights[LSTM.path] - better.tensors[LSTM.path].dense
    np.testing.assert_allclose(
        better.others["lstm/bias"], site.gram.mean[0] @ gap, rtol=1e-4, atol=1e-5
    )


def test_a_unit_leaves_all_gates():
    index = np.arange(6)[:, None] + 6 * np.arange(4)[None]
    group = Group(
        (
            Part(LSTM.path, 1, "makes", index),
            Part(HEAD.path, 0, "takes", np.arange(6)[:, None]),
        )
    )
    sites = tuple(replace(s, groups=(group,), bound="") for s in (LSTM, HEAD))
    recipe = Recipe(
        (
            Plan("*", (Choice.of("structured", sparsity=0.5, score="norm"),)),
            Plan("*[f]", (Choice.of("uniform", bits=4),)),
        )
    )
    weights = {s.path: WEIGHTS[s.path] for s in sites}
    tensor = run(recipe, sites, weights).tensors[LSTM.path]
    gone = ~tensor.mask.any(axis=0).reshape(4, 6)
    assert gone[0].sum() == 3
    assert (gone == gone[0]).all()
    outputs = np.flatnonzero(gone.ravel())
    small: Any = smaller(tensor, LSTM.path, {(LSTM.path, 1): outputs})
    assert small.code.shape == (8, 12)
    np.testing.assert_array_equal(small.code.decode(), small.dense)
    np.testing.assert_array_equal(small.dense, tensor.dense[:, ~gone.ravel()])


def test_a_gate_is_not_factorized_and_says_so():
    recipe = Recipe((Plan("*", (Choice.of("svd", rank=0.5),)), pruned("*[f]", 0.5)))
    skipped = [s for s in run(recipe).skipped if s.reason == "gate.low_rank"]
    assert [one.path for one in skipped] == [g.path for g in gates_of(LSTM)]


def test_sizes_and_levels_are_told_gate_by_gate():
    recipe = Recipe(
        (
            Plan("*", (Choice.of("uniform", bits=8),)),
            Plan("*[f]", (Choice.of("uniform", bits=2),)),
            pruned("*[o]", 0.5),
        )
    )
    network = run(recipe)
    tensor = network.tensors[LSTM.path]
    sizes = tensor_sizes(tensor)
    assert sizes.packed == sum(part.packed for part in sizes.parts)
    assert sizes.parts[1].dense <= sizes.parts[0].dense / 2
    assert coded_bytes(tensor) > 0
    done = resolve(recipe, network, model="m", hashes={}, weights=WEIGHTS)
    (level,) = (one for one in done.levels if one.path == LSTM.path)
    assert [one.bits for one in level.gates] == [8, 2, 8, 8]
    assert [one.path for one in level.gates] == [g.path for g in gates_of(LSTM)]
    assert level.gates[3].threshold is not None
    written = done.to_json()["tensors"][0]
    assert [one["bits"] for one in written["gates"]] == [8, 2, 8, 8]


def test_what_was_retrained_comes_back_gate_by_gate():
    recipe = Recipe(
        (Plan("*[f]", (Choice.of("uniform", bits=2),)), pruned("*[o]", 0.5))
    )
    network = run(recipe)
    kernels = {path: tensor.dense for path, tensor in network.tensors.items()}
    back: Any = from_arrays(
        to_arrays(Retrained(network, kernels, recipe, 1, 0.5))
    ).network
    tensor, again = network.tensors[LSTM.path], back.tensors[LSTM.path]
    np.testing.assert_array_equal(again.dense, tensor.dense)
    assert again.code.names == ("i", "f", "c", "o")
    assert [p.bits for p in again.code.parts] == [p.bits for p in tensor.code.parts]


def test_what_is_the_same_is_taken_over():
    first = run(Recipe((pruned("*[f]", 0.5),)))
    same = run(Recipe((pruned("*[f]", 0.5), pruned("head/*", 0.5))), previous=first)
    assert same.tensors[LSTM.path] is first.tensors[LSTM.path]
    other = run(Recipe((pruned("*[f]", 0.6),)), previous=first)
    assert other.tensors[LSTM.path] is not first.tensors[LSTM.path]
    assert gate(other, "lstm/kernel[i]") is gate(first, "lstm/kernel[i]")
