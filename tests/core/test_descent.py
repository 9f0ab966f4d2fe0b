"""Adaptive rounding against every choice on tiny grids, and as part of the methods."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from workbench.core.affine import Grid, limits
from workbench.core.calibration import Bias, Gram
from workbench.core.codes import Affine, Codebook
from workbench.core.descent import in_table, on_grid
from workbench.core.feedback import round_in_best_range
from workbench.core.layout import Layout
from workbench.core.step import TensorStep
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.clustering import Clustering
from workbench.methods.magnitude import Magnitude
from workbench.methods.uniform import Uniform

KINDS = [
    ("dense", (12, 5), (1,)),
    ("conv", (3, 2, 2, 4), (3,)),
    ("depthwise", (3, 3, 4, 2), (2, 3)),
    ("recurrent", (8, 12), (1,)),
    ("einsum", (9, 2, 3), (1, 2)),
    ("einsum", (2, 4, 5), (2,)),
]


def moments(rng: np.random.Generator, inputs: int, groups: int = 1) -> np.ndarray:
    mixed = rng.normal(size=(groups, inputs, inputs))
    x = rng.normal(size=(groups, 400, inputs)) @ mixed
    return x.transpose(0, 2, 1) @ x / 400


def grid_for(weights: np.ndarray, bits: int, step: float, *, signed: bool) -> Grid:
    zero = 0 if signed else 2 ** (bits - 1)
    scale = np.full(weights.shape, step, np.float32)
    return Grid(scale, np.full(weights.shape, zero, np.int32), bits, signed)


def errors(gaps: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    return np.einsum("goi,gij,goj->go", gaps, hessian, gaps)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", [2, 3])
def test_it_lies_between_feedback_and_the_best_of_all(bits: int, signed: bool):
    rng = np.random.default_rng(0)
    ours, before, best = 0.0, 0.0, 0.0
    for _ in range(30):
        hessian = moments(rng, 4)
        weights = rng.normal(size=(1, 1, 4))
        grid = grid_for(weights, bits, 0.6, signed=signed)
        kept = np.ones(weights.shape, np.bool_)
        levels, factors = round_in_best_range(weights, kept, hessian, grid, (1.0,))
        given = weights, kept, hessian, grid
        found, same = on_grid(levels, *given, factors=factors, is_fixed=True)
        np.testing.assert_array_equal(same, factors)

        def error(q: np.ndarray, grid: Grid = grid, own: tuple = given) -> float:
            gaps = own[0] - (q - grid.zero_point) * np.float64(np.float32(0.6))
            return float(errors(gaps, own[2]).sum())

        choices = itertools.product(range(*_ends(bits, signed)), repeat=4)
        least = min(error(np.reshape(q, (1, 1, 4))) for q in choices)
        assert least - 1e-9 <= error(found) <= error(levels) + 1e-12
        # No weight alone does better: that is where it ends.
        for j, level in itertools.product(range(4), range(*_ends(bits, signed))):
            other = found.copy()
            other[..., j] = level
            assert error(other) >= error(found) - 1e-7 * error(found)
        ours, before, best = ours + error(found), before + error(levels), best + least
    assert ours - best < 0.8 * (before - best)


def _ends(bits: int, signed: bool) -> tuple[int, int]:
    low, high = limits(bits, is_symmetric=signed)
    return low, high + 1


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_better_scales_lower_the_error_further(bits: int, is_shared: bool):
    rng = np.random.default_rng(bits)
    hessian, weights = moments(rng, 40), rng.normal(size=(1, 9, 40))
    grid = grid_for(weights, bits, 3.0 / 2 ** (bits - 1), signed=True)
    kept = rng.random(weights.shape) < 0.8
    weights = np.where(kept, weights, 0.0)
    levels, factors = round_in_best_range(weights, kept, hessian, grid, (1.0,))
    given = levels, weights, kept, hessian, grid
    fixed, _ = on_grid(*given, factors=factors, is_shared=is_shared, is_fixed=True)
    free, scaled = on_grid(*given, factors=factors, is_shared=is_shared)
    low, high = grid.limits
    for found in (fixed, free):
        assert not found[~kept].any()
        assert low <= found.min()
        assert found.max() <= high
    assert (scaled > 0).all()
    assert len(np.unique(scaled)) == (1 if is_shared else 9)
    scale = np.float64(grid.scale) * scaled[..., None]
    at = [
        errors(weights - levels * grid.scale, hessian).sum(),
        errors(weights - fixed * grid.scale, hessian).sum(),
        errors(weights - free * scale, hessian).sum(),
    ]
    assert max(at[1:]) < at[0]
    again, same = on_grid(*given, factors=factors, is_shared=is_shared)
    np.testing.assert_array_equal(again, free)
    np.testing.assert_array_equal(same, scaled)


def test_a_row_of_zeros_keeps_its_scale():
    hessian = moments(np.random.default_rng(0), 5)
    weights = np.zeros((1, 2, 5))
    weights[0, 1] = 1.0
    grid = grid_for(weights, 2, 1.0, signed=True)
    kept, factors = np.ones(weights.shape, np.bool_), np.ones((1, 2), np.float32)
    found, scaled = on_grid(weights, weights, kept, hessian, grid, factors=factors)
    np.testing.assert_array_equal(found, weights)
    np.testing.assert_array_equal(scaled, 1.0)


def test_entries_of_a_table_are_the_best_that_one_weight_alone_can_take():
    rng = np.random.default_rng(1)
    hessian, weights = moments(rng, 9), rng.normal(size=(1, 6, 9))
    tables = np.sort(rng.normal(size=(1, 6, 3)), axis=-1)
    # An entry that a channel does not need repeats its last.
    tables = np.concatenate([tables, tables[..., -1:]], axis=-1)
    kept = rng.random(weights.shape) < 0.7
    start = rng.integers(0, 3, weights.shape).astype(np.uint8)

    def error(codes: np.ndarray) -> np.ndarray:
        values = np.take_along_axis(tables, codes.astype(np.intp), axis=-1)
        return errors(weights - np.where(kept, values, 0.0), hessian)

    found = in_table(start, weights, kept, hessian, tables)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[~kept], start[~kept])
    assert (error(found) < error(start)).all()
    for j, entry in itertools.product(range(9), range(4)):
        other = found.copy()
        other[..., j] = entry
        assert (error(other) >= error(found) - 1e-7 * error(found)).all()


CODERS = [
    *(Uniform(bits, range="mse", rounding="adaptive") for bits in (2, 3, 4, 8)),
    Uniform(3, range="mse", granularity="tensor", rounding="adaptive"),
    Uniform(3, symmetric=False, rounding="adaptive"),
    Clustering(4, rounding="adaptive"),
    Clustering(5, "channel", rounding="adaptive"),
]


@pytest.mark.parametrize("step", CODERS, ids=str)
@pytest.mark.parametrize(("kind", "shape", "axes"), KINDS)
def test_every_kind_of_kernel_is_nearer_to_what_it_made(
    kind: str, shape: tuple[int, ...], axes: tuple[int, ...], step: TensorStep
):
    rng = np.random.default_rng(4)
    layout = Layout.of(Site("a", kind, shape, axes))
    found = moments(rng, layout.inputs_count, layout.groups_count).astype(np.float32)
    gram = Gram(found, np.zeros(found.shape[:2], np.float32), 400, Bias("b"))
    site = Site("a", kind, shape, axes, gram=gram)
    start = CompressedTensor.of(rng.normal(size=shape).astype(np.float32))
    pruned = Magnitude(sparsity=0.3, scope="tensor").apply(start, site)

    def error(tensor: CompressedTensor) -> float:
        gaps = layout.matrices(pruned.dense.astype(np.float64) - tensor.dense)
        return float(errors(gaps, gram.hessian()).sum())

    before = replace(step, rounding="feedback").apply(pruned, site)  # type: ignore[call-arg]
    made = step.apply(pruned, site)
    assert error(made) <= error(before)
    assert pruned.mask is not None
    assert not made.dense[~pruned.mask].any()
    code = made.code
    assert isinstance(code, Affine | Codebook)
    np.testing.assert_array_equal(code.decode() * pruned.mask, made.dense)
    if isinstance(code, Affine):
        low, high = limits(code.bits, is_symmetric=code.is_symmetric)
        assert low <= code.q.min()
        assert code.q.max() <= high
        per_tensor = isinstance(step, Uniform) and step.granularity == "tensor"
        assert code.scale.size == (
            1 if per_tensor else np.prod([shape[a] for a in axes])
        )
    again = step.apply(pruned, site)
    np.testing.assert_array_equal(made.dense, again.dense)
