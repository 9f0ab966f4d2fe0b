"""The order in which channels go."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from workbench.core.calibration import Gram
from workbench.core.compress import compress
from workbench.core.cost import sizes
from workbench.core.elimination import elimination
from workbench.core.groups import Group, Part, cut, cuts_of
from workbench.core.network import Network
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.shrinking import shrunken, sizes_without
from workbench.core.tensor import CompressedTensor, Site

RNG = np.random.default_rng(0)
INPUTS, HIDDEN, OUTPUTS = 4, 6, 3


def one_each(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.intp)[:, None]


def group() -> Group:
    """The units between two dense layers."""
    return Group(
        (
            Part("a/kernel", 1, "makes", one_each(HIDDEN)),
            Part("a/bias", 0, "follows", one_each(HIDDEN)),
            Part("b/kernel", 0, "takes", one_each(HIDDEN)),
        )
    )


def chain() -> tuple[dict[str, Site], dict[str, np.ndarray]]:
    """Two dense layers and what the second one sees."""
    own = group()
    x = RNG.normal(size=(200, HIDDEN)) @ RNG.normal(size=(HIDDEN, HIDDEN))
    gram = Gram(
        (x.T @ x / len(x))[None].astype(np.float32),
        x.mean(0)[None].astype(np.float32),
        len(x),
    )
    sites = {
        "a/kernel": Site("a/kernel", "dense", (INPUTS, HIDDEN), (1,), groups=(own,)),
        "b/kernel": Site(
            "b/kernel", "dense", (HIDDEN, OUTPUTS), (1,), groups=(own,), gram=gram
        ),
    }
    weights = {
        path: RNG.normal(size=site.shape).astype(np.float32)
        for path, site in sites.items()
    }
    return sites, weights


def lost(weights: np.ndarray, hessian: np.ndarray, gone: list[int]) -> float:
    """The error that is left once the other inputs are refitted, by least squares."""
    kept = [i for i in range(len(hessian)) if i not in gone]
    fitted = np.zeros_like(weights)
    inner = hessian[np.ix_(kept, kept)]
    fitted[kept] = np.linalg.solve(inner, (hessian @ weights)[kept])
    gap = weights - fitted
    return float(np.trace(gap.T @ hessian @ gap))


def test_the_first_to_go_is_the_one_whose_loss_a_refit_makes_up_for_best() -> None:
    sites, weights = chain()
    own = sites["a/kernel"].groups
    found = elimination(own, weights, sites, score="obs", wished=list(sites))
    gram = sites["b/kernel"].gram
    assert gram is not None
    hessian, kernel = gram.hessian()[0], weights["b/kernel"].astype(np.float64)
    gone: list[int] = []
    for channel in found.channel.tolist():
        left = [c for c in range(HIDDEN) if c not in gone]
        errors = {c: lost(kernel, hessian, [*gone, c]) for c in left}
        assert channel == min(errors, key=lambda c: errors[c])
        gone.append(channel)
    assert len(gone) == HIDDEN - 1


def test_without_data_the_smallest_weights_go_first() -> None:
    sites, weights = chain()
    own = sites["a/kernel"].groups
    found = elimination(own, weights, sites, score="norm", wished=list(sites))
    norms = np.square(weights["a/kernel"]).sum(axis=0)
    assert found.channel.tolist() == np.argsort(norms).tolist()[:-1]


def test_a_share_saves_the_nearest_number_of_weights() -> None:
    sites, weights = chain()
    own = sites["a/kernel"].groups
    found = elimination(own, weights, sites, score="norm", wished=list(sites))
    each = INPUTS + OUTPUTS
    assert found.total == each * HIDDEN
    assert found.saved.tolist() == [each * n for n in range(1, HIDDEN)]
    for share in np.linspace(0, 1, 21):
        count = len(found.at(share)[0])
        assert count == min(
            range(HIDDEN), key=lambda n: abs(each * n - share * found.total)
        )


def test_an_order_is_found_once_for_the_same_weights() -> None:
    sites, weights = chain()
    own = sites["a/kernel"].groups

    def order(given: dict[str, np.ndarray]) -> object:
        return elimination(own, given, sites, score="obs", wished=list(sites))

    first = order(weights)
    assert order(weights) is first
    assert order({path: values.copy() for path, values in weights.items()}) is not first


def made(
    plans: tuple[Plan, ...], sites: dict[str, Site], weights: dict[str, np.ndarray]
) -> Network:
    digests = dict.fromkeys(sites, "x")
    return compress(list(sites.values()), weights, Recipe(plans), digests=digests)


@pytest.mark.parametrize("target", ["*", "a/kernel"])
def test_what_takes_a_channel_loses_it_too(target: str) -> None:
    sites, weights = chain()
    choice = Choice.of("structured", sparsity=0.5, score="norm")
    network = made((Plan(target, (choice,)),), sites, weights)
    first, second = network.tensors["a/kernel"].mask, network.tensors["b/kernel"].mask
    assert first is not None
    assert second is not None
    columns, rows = first.any(axis=0), second.any(axis=1)
    assert columns.sum() == HIDDEN // 2
    np.testing.assert_array_equal(columns, rows)
    np.testing.assert_array_equal(first, np.broadcast_to(columns, first.shape))


def test_nothing_goes_where_a_kernel_that_makes_it_is_spared() -> None:
    sites, weights = chain()
    choice = Choice.of("structured", sparsity=0.5)
    off = Choice("structured", is_off=True)
    network = made((Plan("*", (choice,)), Plan("a/*", (off,))), sites, weights)
    assert all(tensor.mask is None for tensor in network.tensors.values())


def test_what_moves_together_goes_by_the_least_wish() -> None:
    sites, weights = chain()
    tied = Group((*group().parts, Part("c/kernel", 1, "makes", one_each(HIDDEN))))
    sites = {path: replace(site, groups=(tied,)) for path, site in sites.items()}
    sites["c/kernel"] = Site("c/kernel", "dense", (2, HIDDEN), (1,), groups=(tied,))
    weights["c/kernel"] = RNG.normal(size=(2, HIDDEN)).astype(np.float32)
    plans = tuple(
        Plan(target, (Choice.of("structured", sparsity=share, score="norm"),))
        for target, share in (("a/*", 0.5), ("c/*", 0.34))
    )
    network = made(plans, sites, weights)
    mask = network.tensors["c/kernel"].mask
    assert mask is not None
    assert mask.any(axis=0).sum() == 4


@pytest.mark.parametrize("bits", [None, 4])
def test_the_cut_network_holds_what_was_kept(bits: int | None) -> None:
    sites, weights = chain()
    steps = [Choice.of("structured", sparsity=0.5)]
    steps += [] if bits is None else [Choice.of("uniform", bits=bits)]
    network = made((Plan("*", tuple(steps)),), sites, weights)
    cuts = cuts_of(sites["a/kernel"].groups, network)
    small = shrunken(network, cuts)
    kept = np.delete(np.arange(HIDDEN), cuts["a/bias", 0])
    for path, axis in (("a/kernel", 1), ("b/kernel", 0)):
        tensor = small.tensors[path]
        whole = network.tensors[path].dense
        np.testing.assert_array_equal(tensor.dense, np.take(whole, kept, axis))
        np.testing.assert_array_equal(tensor.code.decode(), tensor.dense)
        assert small.digests[path] != network.digests[path]
    np.testing.assert_array_equal(cut(np.arange(HIDDEN), "a/bias", cuts), kept)


def test_what_is_cut_out_costs_nothing() -> None:
    sites, weights = chain()
    network = made(
        (Plan("*", (Choice.of("structured", sparsity=0.5),)),), sites, weights
    )
    cuts = cuts_of(sites["a/kernel"].groups, network)
    biases = {"a/bias": np.zeros(HIDDEN), "b/bias": np.zeros(OUTPUTS)}
    whole = sizes(network, HIDDEN + OUTPUTS)
    small = sizes_without(network, cuts, biases)
    kept = HIDDEN - len(cuts["a/bias", 0])
    assert small.dense.value == 4 * (kept * (INPUTS + 1 + OUTPUTS) + OUTPUTS)
    assert small.packed.value < whole.packed.value
    for path, each in small.tensors.items():
        assert each.float32 == whole.tensors[path].float32
        assert each.weights == whole.tensors[path].weights


def test_one_channel_stays_where_no_weight_is_left() -> None:
    sites, weights = chain()
    tensors = {
        path: CompressedTensor.of(values).masked(np.zeros(values.shape, np.bool_))
        for path, values in weights.items()
    }
    network = Network(tensors, dict.fromkeys(tensors, "x"))
    cuts = cuts_of(sites["a/kernel"].groups, network)
    assert len(cuts["a/bias", 0]) == HIDDEN - 1


def test_groups_of_one_kernel_follow_each_others_loss() -> None:
    """Two groups side by side before one kernel: together they are one group's rows."""
    sites, weights = chain()
    half = HIDDEN // 2
    parts = [np.arange(half)[:, None], np.arange(half, HIDDEN)[:, None]]
    groups = [
        Group(
            (
                Part(f"{name}/kernel", 1, "makes", one_each(half)),
                Part("b/kernel", 0, "takes", index),
            )
        )
        for name, index in zip("xy", parts, strict=True)
    ]
    taker = replace(sites["b/kernel"], groups=tuple(groups))
    sites = {"b/kernel": taker}
    for name, own in zip("xy", groups, strict=True):
        path = f"{name}/kernel"
        sites[path] = Site(path, "dense", (INPUTS, half), (1,), groups=(own,))
        weights[path] = RNG.normal(size=(INPUTS, half)).astype(np.float32)
    del weights["a/kernel"]
    found = elimination(groups, weights, sites, score="obs", wished=list(sites))
    assert taker.gram is not None
    hessian, kernel = taker.gram.hessian()[0], weights["b/kernel"].astype(np.float64)
    order = list(zip(found.group.tolist(), found.channel.tolist(), strict=True))
    gone: list[int] = []
    left = {0: half, 1: half}
    for number, channel in order:
        can = [
            (n, c)
            for n, c in itertools.product((0, 1), range(half))
            if left[n] > 1 and half * n + c not in gone
        ]
        errors = {(n, c): lost(kernel, hessian, [*gone, half * n + c]) for n, c in can}
        assert (number, channel) == min(errors, key=lambda one: errors[one])
        gone.append(half * number + channel)
        left[number] -= 1
