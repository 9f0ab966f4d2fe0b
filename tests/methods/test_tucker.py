"""Tucker-2 of convolutions: closed forms and the error on what a layer sees."""

import numpy as np
import pytest

from workbench.core.calibration import Bias, Gram
from workbench.core.codes import LowRank
from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.tensor import CompressedTensor, Site
from workbench.core.tucker import tucker_of
from workbench.methods.tucker import Tucker2

SHAPE = (3, 3, 8, 10)


def site_of(shape, gram=None):
    return Site("conv/kernel", "conv", shape, (len(shape) - 1,), gram=gram)


def low_rank_kernel(r, s, seed=0):
    rng = np.random.default_rng(seed)
    core = rng.normal(size=(3, 3, r, s))
    made = np.einsum(
        "hwrs,ir,os->hwio", core, *map(rng.normal, (0, 0), (1, 1), ((8, r), (10, s)))
    )
    return made.astype(np.float32)


def patches(seed=1):
    """Rows of 3 x 3 x 8 numbers, the channels of unequal weight and correlated."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(8, 8)) * np.linspace(0.05, 1, 8)
    return (rng.normal(size=(4000, 9, 8)) @ mix + rng.normal(size=8)).reshape(-1, 72)


def gram_of(x, bias=None):
    moments = (x.T @ x / len(x)).astype(np.float32)
    return Gram(moments[None], x.mean(0).astype(np.float32)[None], len(x), bias)


@pytest.mark.parametrize("is_aware", [False, True])
def test_a_kernel_of_low_rank_is_found_again(is_aware):
    kernel = low_rank_kernel(3, 4)
    gram = gram_of(patches()) if is_aware else None
    first, core, last = tucker_of(kernel, gram).factors(3, 4)
    product = first @ core @ last
    np.testing.assert_allclose(product.reshape(SHAPE), kernel, atol=1e-4)


def test_full_ranks_need_no_factor_and_lose_nothing():
    kernel = np.random.default_rng(2).normal(size=SHAPE).astype(np.float32)
    found = tucker_of(kernel, None)
    assert found.cost(8, 10) == kernel.size
    code = found.code(8 * 10 - 1, site_of(SHAPE))
    assert len(code.factors) == 1
    np.testing.assert_allclose(code.decode(), kernel, atol=1e-5)
    narrow = found.code(7 * 10 + 3, site_of(SHAPE))
    assert [p.dense.shape for p in narrow.factors] == [
        (3, 3, 8, 4),
        (1, 1, 4, 10),
    ]


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
def test_the_factors_keep_to_their_share(share):
    kernel = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
    made = Tucker2(rank=share).apply(CompressedTensor.of(kernel), site_of(SHAPE))
    assert isinstance(made.code, LowRank)
    count = sum(part.dense.size for part in made.code.factors)
    assert count <= share * kernel.size
    found = tucker_of(kernel, None)
    assert count == found.cost(*found.ranks_at(found.place(share)))
    np.testing.assert_array_equal(made.code.decode(), made.dense)


def test_what_the_layer_sees_counts():
    kernel, x = low_rank_kernel(7, 9), patches()
    lost = {}
    for name, gram in (("plain", None), ("aware", gram_of(x, Bias("conv/bias")))):
        made = Tucker2(rank=0.3).apply(
            CompressedTensor.of(kernel), site_of(SHAPE, gram)
        )
        gap = x @ (kernel - made.dense).reshape(72, 10)
        lost[name] = np.square(gap - gap.mean(0)).sum()
        if gram is not None:
            assert made.shift is not None
            np.testing.assert_allclose(gap.mean(0), made.shift, atol=1e-2)
    assert lost["aware"] < 0.6 * lost["plain"]


def test_the_outputs_behind_given_inputs_are_the_best_there_are():
    """With all input channels kept it is the closed form of the whole layer."""
    kernel, gram = low_rank_kernel(8, 10), gram_of(patches())
    _, core, last = tucker_of(kernel, gram).factors(8, 4)
    root = np.linalg.cholesky(gram.hessian()[0])
    flat = kernel.astype(np.float64).reshape(72, 10)
    u, d, vt = np.linalg.svd(root.T @ flat, full_matrices=False)
    best = np.linalg.solve(root.T, (u[:, :4] * d[:4]) @ vt[:4])
    np.testing.assert_allclose((core @ last).reshape(72, 10), best, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "shape", "axes", "reason"),
    [
        ("dense", (30, 20), (1,), "low_rank.no_window"),
        ("conv", (1, 1, 30, 20), (3,), "low_rank.no_window"),
        ("conv", (3, 3, 8, 10), (2,), "low_rank.no_matrix"),
        ("conv", (2, 1, 2), (2,), "low_rank.no_gain"),
    ],
)
def test_what_is_no_convolution_is_refused(kind, shape, axes, reason):
    assert Tucker2(rank=0.5).refuses(Site("x", kind, shape, axes)) == reason


def test_a_convolution_of_one_channel_has_two_factors():
    kernel = np.random.default_rng(4).normal(size=(5, 5, 1, 12)).astype(np.float32)
    made = Tucker2(rank=0.5).apply(CompressedTensor.of(kernel), site_of(kernel.shape))
    assert isinstance(made.code, LowRank)
    assert [part.dense.ndim for part in made.code.factors] == [4, 4]
    assert made.code.factors[0].dense.shape[:3] == (5, 5, 1)


def test_convolutions_share_their_weights():
    shapes = {"large/kernel": (3, 3, 16, 24), "small/kernel": (3, 3, 4, 6)}
    rng = np.random.default_rng(3)
    kernels = {
        path: rng.normal(size=shape).astype(np.float32)
        for path, shape in shapes.items()
    }
    kernels["large/kernel"][:, :, 5:] *= 0.01
    sites = [Site(path, "conv", shape, (3,)) for path, shape in shapes.items()]
    wish = Choice.of("tucker", rank=0.5, data_aware=False)
    network = compress(
        sites, kernels, Recipe((Plan("*", (wish,)),)), digests={p: p for p in shapes}
    )
    large, small = network.tensors.values()
    assert not isinstance(small.code, LowRank)
    assert isinstance(large.code, LowRank)
    assert sum(part.dense.size for part in large.code.factors) <= 0.5 * 3672 - 216
