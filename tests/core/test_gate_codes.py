"""What comes of kernels whose gates differ: codes, sizes, levels, what is cut out."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.recurrent import (
    HEAD,
    LSTM,
    WEIGHTS,
    pruned,
    run,
)
from tests.laws.test_steps import chains, few, usual
from workbench.core.bitstream import Place, decode, encode
from workbench.core.calibration import Bias, Gram
from workbench.core.checkpoint import from_arrays, to_arrays
from workbench.core.coded import coded_bytes
from workbench.core.codes import Gates
from workbench.core.cost import tensor_sizes
from workbench.core.edit import set_repair
from workbench.core.gates import GATES, gates_of, tensor_of, weights_of
from workbench.core.groups import Group, Part
from workbench.core.knob import knobs
from workbench.core.measurement import Retrained
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.resolved import resolve
from workbench.core.shrinking import smaller
from workbench.core.step import CODING, RANK, steps
from workbench.core.tensor import Site

PER_TENSOR = sorted(
    name
    for name in steps
    if name != "structured" and steps[name].phase <= CODING
    if steps[name].phase != RANK
)


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


def gram(site):
    inputs, rng = site.shape[0], np.random.default_rng(1)
    x = rng.normal(size=(200, inputs)) @ rng.normal(size=(inputs, inputs)) + 1
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
