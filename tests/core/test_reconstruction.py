"""Repair against closed forms and against every choice on tiny grids."""

import itertools

import numpy as np
import pytest

from workbench.core.affine import Grid, grid_of
from workbench.core.calibration import Bias, Gram
from workbench.core.feedback import round_in_best_range, round_with_feedback
from workbench.core.layout import Layout
from workbench.core.reconstruction import least_squares
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.magnitude import Magnitude
from workbench.methods.reconstruct import Reconstruct
from workbench.methods.uniform import Uniform

KINDS = [
    ("dense", (6, 5), (1,)),
    ("conv", (3, 2, 2, 4), (3,)),
    ("depthwise", (3, 3, 4, 2), (2, 3)),
    ("recurrent", (4, 12), (1,)),
    ("einsum", (5, 2, 3), (1, 2)),
]


def moments(rng, n, count=400):
    x = rng.normal(size=(count, n)) @ rng.normal(size=(n, n)) + rng.normal(size=n)
    return x, x.T @ x / count


@pytest.mark.parametrize(("inputs", "density"), [(7, 0.4), (7, 0.8), (75, 0.2)])
@pytest.mark.parametrize("is_mostly_kept", [False, True])
def test_the_refit_is_that_of_lstsq(inputs, density, is_mostly_kept):
    rng = np.random.default_rng(0)
    x, h = moments(rng, inputs)
    weights = rng.normal(size=(1, 9, inputs))
    kept = (rng.random(weights.shape) < density) ^ is_mostly_kept
    kept[0, 0], kept[0, 1] = True, False
    fitted = least_squares(weights, kept, h[None])
    assert not fitted[~kept].any()
    for row in range(9):
        support = kept[0, row]
        wanted, *_ = np.linalg.lstsq(x[:, support], x @ weights[0, row], rcond=None)
        np.testing.assert_allclose(fitted[0, row, support], wanted, rtol=1e-5)


def test_feedback_is_better_than_nearest_and_near_the_best():
    rng = np.random.default_rng(1)
    ours, nearest, best = 0.0, 0.0, 0.0
    for _ in range(20):
        _, h = moments(rng, 5)
        w = 0.4 * rng.normal(size=(1, 1, 5))
        shape = np.ones_like(w)
        grid = Grid(
            (0.5 * shape).astype(np.float32), 0 * shape.astype(np.int32), 3, True
        )
        kept = np.ones(w.shape, bool)
        found = round_with_feedback(w, kept, h[None], grid)

        def error(q, w=w, h=h):
            gap = w[0, 0] - 0.5 * q
            return float(gap @ h @ gap)

        ours += error(found[0, 0])
        nearest += error(np.clip(np.rint(w[0, 0] / 0.5), -3, 3))
        choices = itertools.product(range(-3, 4), repeat=5)
        best += min(error(np.array(q)) for q in choices)
    assert best <= ours < 0.7 * nearest
    assert ours < 3 * best


def test_pruned_weights_are_rounded_to_zero():
    rng = np.random.default_rng(2)
    _, h = moments(rng, 6)
    w = rng.normal(size=(1, 4, 6))
    kept = rng.random(w.shape) < 0.5
    scale = np.full(w.shape, 0.1, np.float32)
    zero = np.full(w.shape, 7, np.int32)
    q = round_with_feedback(w, kept, h[None], Grid(scale, zero, 4, False))
    assert (q[~kept] == 7).all()
    assert q.min() >= 0
    assert q.max() <= 15


def test_the_range_is_the_one_that_leaves_least():
    rng = np.random.default_rng(3)
    _, h = moments(rng, 40)
    w = rng.normal(size=(1, 9, 40))
    kept = rng.random(w.shape) < 0.8
    scale = np.full(w.shape, 0.7, np.float32)
    grid = Grid(scale, np.zeros(w.shape, np.int32), 3, True)
    factors = (1.0, 0.5, 1.3)

    def error(q, factor):
        gap = w[0] - q[0] * 0.7 * np.reshape(factor, (-1, 1))
        return np.einsum("oi,ij,oj->o", gap, h, gap)

    one = [round_in_best_range(w, kept, h[None], grid, (f,))[0] for f in factors]
    each = np.stack([error(q, f) for q, f in zip(one, factors, strict=True)])
    found, chosen = round_in_best_range(w, kept, h[None], grid, factors)
    np.testing.assert_allclose(error(found, chosen[0]), each.min(0), rtol=1e-5)
    _, same = round_in_best_range(w, kept, h[None], grid, factors, is_shared=True)
    assert (same == np.float32(factors[each.sum(1).argmin()])).all()


def test_a_range_minds_what_matters():
    w = np.array([[10.0, 0.31, 0.29, -0.3]], np.float32)
    matters = np.array([[0.0, 1, 1, 1]])
    fitted = [
        grid_of(w, 4, is_symmetric=True, choice="mse", importance=weight).scale.item()
        for weight in (None, matters)
    ]
    assert fitted[0] > 1.0
    assert fitted[1] == pytest.approx(2 / 7, rel=0.1)


@pytest.mark.parametrize(("kind", "shape", "axes"), KINDS)
def test_a_kernel_comes_back_from_its_matrices(kind, shape, axes):
    values = np.random.default_rng(3).normal(size=shape)
    layout = Layout.of(Site("a", kind, shape, axes))
    stack = layout.matrices(values)
    assert stack.shape[0] == layout.groups_count
    assert stack.shape[2] == layout.inputs_count
    np.testing.assert_array_equal(layout.tensor(stack), values)


@pytest.mark.parametrize(("kind", "shape", "axes"), KINDS)
def test_repair_lowers_the_error_and_keeps_the_mean(kind, shape, axes):
    rng = np.random.default_rng(4)
    site = Site("a", kind, shape, axes)
    layout = Layout.of(site)
    seen = [moments(rng, layout.inputs_count)[0] for _ in range(layout.groups_count)]
    x = np.stack(seen)
    gram = Gram(
        (np.einsum("gri,grj->gij", x, x) / 400).astype(np.float32),
        x.mean(1).astype(np.float32),
        400,
        Bias("b"),
    )
    place = Site("a", kind, shape, axes, gram=gram)
    start = CompressedTensor.of(rng.normal(size=shape).astype(np.float32))
    pruned = Magnitude(sparsity=0.5, scope="tensor").apply(start, place)
    repaired = Reconstruct().apply(pruned, place)
    assert repaired.mask is pruned.mask
    plain = Uniform(bits=4, range="mse").apply(pruned, place)
    coded = Uniform(bits=4, range="mse", rounding="feedback").apply(repaired, place)

    def made(tensor):
        rows = np.einsum("gri,goi->gro", x, layout.matrices(tensor.dense))
        shift = 0 if tensor.shift is None else tensor.shift.reshape(len(x), 1, -1)
        return rows + shift

    aim = made(start)

    def error(tensor):
        return np.square(made(tensor) - aim).mean()

    assert error(repaired) < error(pruned)
    assert error(coded) < error(plain)
    for tensor in (repaired, coded):
        np.testing.assert_allclose(made(tensor).mean(1), aim.mean(1), atol=1e-4)
        np.testing.assert_array_equal(tensor.dense[~pruned.mask], 0)  # type: ignore[index]
    assert coded.code.decode().shape == shape


def test_inputs_that_never_vary_are_no_fault():
    rng = np.random.default_rng(0)
    for count in (3, 40, 300):
        given = rng.uniform(0.5, 2, count)
        mean = given.astype(np.float32)[None]
        moments = np.outer(given, given).astype(np.float32)[None]
        gram = Gram(moments, mean, 1000, Bias("bias"))
        hessian = gram.hessian()
        assert np.linalg.eigvalsh(hessian).min() > 0
        weights = rng.normal(size=(1, 4, count))
        scale = np.full_like(weights, 0.1, dtype=np.float32)
        grid = Grid(scale, np.zeros(scale.shape, np.int32), 4, True)
        kept = np.ones(weights.shape, bool)
        levels, _ = round_in_best_range(weights, kept, hessian, grid)
        assert np.isfinite(levels).all()


def test_without_calibration_nothing_is_repaired():
    site = Site("a", "dense", (4, 3), (1,))
    start = CompressedTensor.of(np.arange(12, dtype=np.float32).reshape(4, 3))
    assert Reconstruct().plain() is None
    assert Reconstruct().apply(start, site) is start
    feedback = Uniform(bits=4, rounding="feedback")
    assert feedback.plain() == Uniform(bits=4)
    np.testing.assert_array_equal(
        feedback.apply(start, site).dense, Uniform(bits=4).apply(start, site).dense
    )
