"""What a channel is worth by the loss, to first order."""

from dataclasses import replace

import numpy as np
import pytest

from tests.core.test_elimination import HIDDEN, chain, one_each
from workbench.core.elimination import elimination
from workbench.core.gates import GATES, apart, gates_of
from workbench.core.groups import Group, Part
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.slopes import Slopes
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.structured import Structured

RNG = np.random.default_rng(5)


def seen(sites, sums):
    slopes = Slopes({0: np.asarray(sums, np.float32)})
    return sites | {"b/kernel": replace(sites["b/kernel"], slopes=slopes)}


def order(sites, weights, score):
    own = sites["a/kernel"].groups
    return elimination(own, weights, sites, score=score, wished=list(sites)).channel


def test_the_mean_of_squares_decides_and_not_the_square_of_the_mean():
    sites, weights = chain()
    # The first channel matters to every sample, in either direction.
    sums = np.tile(np.arange(1, HIDDEN + 1, dtype=np.float32), (4, 1))
    sums[:, 0] = [50, -50, 50, -50]
    found = order(seen(sites, sums), weights, "taylor")
    assert found.tolist() == [1, 2, 3, 4, 5]


def test_other_gradients_make_another_order():
    sites, weights = chain()
    rising = np.tile(np.arange(HIDDEN, dtype=np.float32), (2, 1))
    first = order(seen(sites, rising), weights, "taylor").tolist()
    assert order(seen(sites, rising[:, ::-1]), weights, "taylor").tolist() != first


def test_without_gradients_the_norm_decides():
    sites, weights = chain()
    by_norm = order(sites, weights, "norm").tolist()
    assert order(sites, weights, "taylor").tolist() == by_norm


def test_entries_and_kernels_of_one_channel_add_up_before_they_are_squared():
    own = Group(
        (
            Part("a/kernel", 1, "makes", one_each(2)),
            Part("b/kernel", 0, "takes", np.array([[0, 2], [1, 3]])),
            Part("c/kernel", 0, "takes", one_each(2)),
        )
    )
    shapes = {"a/kernel": (3, 2), "b/kernel": (4, 2), "c/kernel": (2, 2)}
    sums = {"b/kernel": [[5, 1, -5, 1]], "c/kernel": [[0.5, 1]]}
    sites = {
        path: Site(
            path,
            "dense",
            shape,
            (1,),
            groups=(own,),
            slopes=Slopes({0: np.array(sums[path], np.float32)})
            if path in sums
            else None,
        )
        for path, shape in shapes.items()
    }
    weights = {p: RNG.normal(size=s).astype(np.float32) for p, s in shapes.items()}
    found = elimination((own,), weights, sites, score="taylor", wished=list(sites))
    # 5 - 5 + 0.5 against 1 + 1 + 1.
    assert found.channel.tolist() == [0]


@pytest.mark.parametrize(
    ("asked", "score"), [({"obs", "norm"}, "obs"), ({"taylor", "norm"}, "taylor")]
)
def test_one_that_was_not_seen_follows_what_the_others_ask_for(asked, score):
    sites, weights = chain()
    sites = seen(sites, RNG.normal(size=(3, HIDDEN)))
    tensors = {path: CompressedTensor.of(w) for path, w in weights.items()}
    scores = dict(zip(sites, sorted(asked), strict=True))
    wishes = {p: Structured(sparsity=0.5, score=s) for p, s in scores.items()}
    alike = {path: Structured(sparsity=0.5, score=score) for path in sites}
    found, same = (
        {p: repr(one) for p, one in Structured.agree(w, tensors, sites).items()}
        for w in (wishes, alike)
    )
    removed = [
        {p: r.partition("removed")[2] for p, r in w.items()} for w in (found, same)
    ]
    assert removed[0] == removed[1]
    assert all("(" in r for r in removed[0].values())


def test_plain_is_the_norm():
    assert Structured(score="taylor").plain() == Structured(score="norm")


def test_gates_share_what_is_known_of_their_kernel():
    units = one_each(2)
    own = Group(
        (
            Part("gru/recurrent_kernel", 0, "takes", units),
            Part("gru/recurrent_kernel", 1, "makes", np.add(units, [[0, 2, 4]])),
        )
    )
    site = Site(
        "gru/recurrent_kernel",
        "recurrent",
        (2, 6),
        (1,),
        gates=GATES["GRU"],
        groups=(own,),
        slopes=Slopes({0: np.array([[3, 6]], np.float32)}),
    )
    recipe = Recipe((Plan("*[z]", (Choice.of("uniform", bits=4),)),))
    parts = apart((site,), recipe)
    assert [part.path for part in parts] == [gate.path for gate in gates_of(site)]
    total = sum(part.slopes.along[0] for part in parts if part.slopes)
    np.testing.assert_allclose(total, [[3, 6]])
