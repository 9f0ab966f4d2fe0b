"""Low rank by singular values, against NumPy and closed forms."""

import numpy as np
import pytest

from workbench.core.calibration import Bias, Gram
from workbench.core.codes import LowRank
from workbench.core.compress import compress
from workbench.core.low_rank import Matrices, spectrum_of
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.svd import Svd

DENSE = Site("layer/kernel", "dense", (30, 20), (1,))


def weights(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def inputs(count, seed=1):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(2000, count)) @ rng.normal(size=(count, count))
    return mixed * np.linspace(0.01, 1, count) + rng.normal(size=count)


def gram_of(x, bias=None):
    moments = (x.T @ x / len(x)).astype(np.float32)
    return Gram(moments[None], x.mean(0).astype(np.float32)[None], len(x), bias)


def with_gram(site, gram):
    return Site(site.path, site.kind, site.shape, site.channel_axes, gram=gram)


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (1, 40), (25, 25)])
def test_the_plain_one_is_the_truncated_svd(shape):
    site = Site("layer/kernel", "dense", shape, (1,))
    values = weights(shape)
    u, d, vt = np.linalg.svd(values.astype(np.float64), full_matrices=False)
    spectrum = spectrum_of(values, site, None)
    assert spectrum is not None
    np.testing.assert_allclose(spectrum.values, d, rtol=1e-6)
    for rank in (1, len(d) // 2, len(d)):
        first, second = spectrum.factors(rank)
        expected = (u[:, :rank] * d[:rank]) @ vt[:rank]
        np.testing.assert_allclose(first @ second, expected, atol=1e-6)
        wide = values.astype(np.float64)
        error = np.square(wide - first @ second).sum() / np.square(wide).sum()
        assert spectrum.errors[rank] == pytest.approx(error, abs=1e-9)


def test_no_product_of_its_rank_errs_less_on_what_the_layer_sees():
    """Against the decomposition of L^T W by NumPy, and against the plain one."""
    values, x = weights((30, 20)), inputs(30)
    gram = gram_of(x)
    root = np.linalg.cholesky(gram.hessian()[0])
    spectrum = spectrum_of(values, DENSE, gram)
    assert spectrum is not None
    u, d, vt = np.linalg.svd(root.T @ values.astype(np.float64))
    for rank in (1, 5, 19):
        first, second = spectrum.factors(rank)
        best = np.linalg.solve(root.T, (u[:, :rank] * d[:rank]) @ vt[:rank])
        np.testing.assert_allclose(first @ second, best, atol=1e-6)
    aware = Svd(rank=0.5).apply(CompressedTensor.of(values), with_gram(DENSE, gram))
    plain = Svd(rank=0.5, data_aware=False).apply(CompressedTensor.of(values), DENSE)
    lost = [np.square(x @ (values - made.dense)).sum() for made in (aware, plain)]
    assert lost[0] < 0.6 * lost[1]


def test_the_bias_takes_up_the_mean():
    values, x = weights((30, 20)), inputs(30)
    site = with_gram(DENSE, gram_of(x, Bias("layer/bias")))
    made = Svd(rank=0.3).apply(CompressedTensor.of(values), site)
    assert made.shift is not None
    before, after = x @ values, x @ made.dense + made.shift
    np.testing.assert_allclose(after.mean(0), before.mean(0), atol=2e-3)


@pytest.mark.parametrize(
    ("kind", "shape", "axes", "factors"),
    [
        ("dense", (30, 20), (1,), [(30, 6), (6, 20)]),
        ("recurrent", (30, 20), (1,), [(30, 6), (6, 20)]),
        ("embedding", (30, 20), (0,), [(30, 6), (6, 20)]),
        ("einsum", (30, 4, 5), (1, 2), [(30, 6), (6, 20)]),
        ("einsum", (4, 5, 30), (2,), [(20, 6), (6, 30)]),
        ("conv", (1, 1, 30, 20), (3,), [(1, 1, 30, 6), (1, 1, 6, 20)]),
        ("conv", (5, 6, 20), (2,), [(5, 6, 6), (1, 6, 20)]),
    ],
)
def test_factors_are_kernels_of_layers(kind, shape, axes, factors):
    site = Site("layer/kernel", kind, shape, axes)
    made = Svd(rank=0.5).apply(CompressedTensor.of(weights(shape)), site)
    assert isinstance(made.code, LowRank)
    assert [part.dense.shape for part in made.code.factors] == factors
    assert sum(part.dense.size for part in made.code.factors) <= 0.5 * 600
    assert made.dense.shape == shape
    matrices = Matrices.of(site)
    assert matrices is not None
    assert matrices.break_even == pytest.approx(12)
    whole = spectrum_of(made.dense, site, None)
    assert whole is not None
    assert whole.errors[matrices.rank(0.5)] < 1e-10


@pytest.mark.parametrize(
    ("kind", "shape", "axes", "reason"),
    [
        ("depthwise", (3, 3, 8, 2), (2, 3), "low_rank.no_matrix"),
        ("conv", (3, 3, 8, 6), (2,), "low_rank.no_matrix"),
        ("dense", (40, 1), (1,), "low_rank.no_gain"),
        ("dense", (2049, 3000), (1,), "low_rank.too_wide"),
    ],
)
def test_what_gains_nothing_is_skipped_with_the_reason(kind, shape, axes, reason):
    site = Site("layer/kernel", kind, shape, axes)
    assert Svd(rank=0.5).refuses(site) == reason


def chain(*choices):
    return Recipe((Plan("*", choices),))


def made_by(recipe, site, values):
    found = compress(
        (site,),
        {site.path: values},
        recipe,
        digests={site.path: "x"},
        biases={"layer/bias": np.zeros(20, np.float32)},
    )
    return found, found.tensors[site.path]


def test_later_steps_treat_the_factors():
    values, x = weights((30, 20)), inputs(30)
    site = with_gram(DENSE, gram_of(x, Bias("layer/bias")))
    recipe = chain(
        Choice.of("svd", rank=0.6),
        Choice.of("magnitude", sparsity=0.5),
        Choice.of("reconstruct"),
        Choice.of("uniform", bits=5, rounding="feedback"),
    )
    found, tensor = made_by(recipe, site, values)
    assert isinstance(tensor.code, LowRank)
    kept = [np.count_nonzero(part.mask) for part in tensor.code.factors]  # type: ignore[arg-type]
    assert sum(kept) == round(0.5 * 7 * 50)
    assert all(part.bits == 5 for part in tensor.code.factors)
    assert found.others is not None
    after = x @ tensor.dense + found.others["layer/bias"]
    np.testing.assert_allclose(after.mean(0), (x @ values).mean(0), atol=5e-3)


def test_repair_of_the_factors_errs_less_than_none():
    values, x = weights((30, 20)), inputs(30)
    site = with_gram(DENSE, gram_of(x, Bias("layer/bias")))
    steps = [
        Choice.of("svd", rank=0.8),
        Choice.of("magnitude", sparsity=0.4, scope="tensor"),
    ]
    lost = []
    for last in ([], [Choice.of("reconstruct")]):
        _, tensor = made_by(chain(*steps, *last), site, values)
        gap = x @ (values - tensor.dense)
        lost.append(np.square(gap - gap.mean(0)).sum())
    assert lost[1] < 0.9 * lost[0]


def test_a_second_factorization_is_skipped_and_an_idle_one_is_nothing():
    site = Site("layer/kernel", "conv", (3, 3, 8, 8), (3,))
    few = [weights((8, 2), seed) for seed in (3, 4)]
    values = np.einsum("hwrs,ir,os->hwio", weights((3, 3, 2, 2)), *few)
    both = chain(Choice.of("svd", rank=0.5), Choice.of("tucker", rank=0.5))
    found, tensor = made_by(both, site, values)
    assert ("tucker", "low_rank.second") in [(s.step, s.reason) for s in found.skipped]
    assert isinstance(tensor.code, LowRank)
    assert len(tensor.code.factors) == 2
    idle = chain(Choice.of("svd", rank=1.0), Choice.of("tucker", rank=0.5))
    found, tensor = made_by(idle, site, values)
    assert isinstance(tensor.code, LowRank)
    assert len(tensor.code.factors) == 3
    assert [s.reason for s in found.skipped] == ["repair.not_calibrated"]


def test_a_product_is_never_pruned_as_a_whole():
    made = Svd(rank=0.5).apply(CompressedTensor.of(weights((30, 20))), DENSE)
    with pytest.raises(TypeError, match="by its factors"):
        made.masked(np.ones((30, 20), bool))


def test_kernels_share_their_weights_by_what_each_rank_keeps():
    """A large kernel of few directions gives more than a small one of many."""
    large = weights((60, 4)) @ weights((4, 50), seed=1) + 0.01 * weights((60, 50))
    kernels = {"large/kernel": large, "small/kernel": np.eye(12, dtype=np.float32)}
    sites = [
        Site(path, "dense", values.shape, (1,)) for path, values in kernels.items()
    ]

    def left(scope):
        network = compress(
            sites,
            kernels,
            chain(Choice.of("svd", rank=0.5, data_aware=False, scope=scope)),
            digests={path: path for path in kernels},
        )
        return [
            sum(part.dense.size for part in tensor.code.factors)
            if isinstance(tensor.code, LowRank)
            else tensor.dense.size
            for tensor in network.tensors.values()
        ]

    together, each = left("global"), left("tensor")
    assert together[1] == 144
    assert each[1] == 72
    assert 0.45 * (3000 + 144) < sum(together) <= 0.5 * (3000 + 144)


def test_a_kernel_whose_inputs_nothing_saw_shares_its_weights_too():
    """An embedding has no moments: it takes the plain form, from the same weights."""
    large = weights((60, 4)) @ weights((4, 50), seed=1) + 0.01 * weights((60, 50))
    kernels = {"large/kernel": large, "small/kernel": np.eye(12, dtype=np.float32)}
    large_site, small_site = (
        Site(path, "dense", values.shape, (1,)) for path, values in kernels.items()
    )
    network = compress(
        [with_gram(large_site, gram_of(inputs(60))), small_site],
        kernels,
        chain(Choice.of("svd", rank=0.5)),
        digests={path: path for path in kernels},
    )
    assert isinstance(network.tensors["large/kernel"].code, LowRank)
    assert not isinstance(network.tensors["small/kernel"].code, LowRank)
