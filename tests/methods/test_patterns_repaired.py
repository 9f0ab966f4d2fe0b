"""Patterns and repair together: the mask stays, what the layer makes comes nearer."""

import numpy as np
import pytest

from workbench.core.calibration import Bias, Gram
from workbench.core.compress import compress
from workbench.core.layout import Layout
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.tensor import Site

PATTERNS = {
    "2:4": Choice.of("n_of_m", pattern="2:4"),
    "1:4": Choice.of("n_of_m", pattern="1:4"),
    "4x1": Choice.of("block", sparsity=0.6, shape="4x1"),
    "4x4": Choice.of("block", sparsity=0.6, shape="4x4"),
}
CODERS = {
    None: (),
    "uniform": (Choice.of("uniform", bits=4, range="mse", rounding="feedback"),),
    "clustering": (Choice.of("clustering", clusters=16, rounding="feedback"),),
}


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(
    ("kind", "shape", "axes"),
    [("dense", (24, 8), (1,)), ("conv", (3, 3, 4, 8), (3,))],
)
def test_the_pattern_stays_and_the_error_falls(kind, shape, axes, pattern, coder):
    rng = np.random.default_rng(0)
    layout = Layout.of(Site("a", kind, shape, axes))
    mixed = rng.normal(size=(layout.inputs_count,) * 2)
    x = rng.normal(size=(500, layout.inputs_count)) @ mixed + 1
    moments, mean = (x.T @ x / 500).astype(np.float32), x.mean(0).astype(np.float32)
    site = Site(
        "a", kind, shape, axes, gram=Gram(moments[None], mean[None], 500, Bias("b"))
    )
    values = {"a": rng.normal(size=shape).astype(np.float32)}
    plans = {
        "plain": (PATTERNS[pattern],),
        "repaired": (PATTERNS[pattern], Choice.of("reconstruct"), *CODERS[coder]),
    }
    errors, masks = {}, {}
    for name, steps in plans.items():
        network = compress(
            (site,),
            values,
            Recipe((Plan("*", steps),)),
            digests={"a": ""},
            biases={"b": np.zeros(8, np.float32)},
        )
        tensor = network.tensors["a"]
        bias = (network.others or {}).get("b", np.zeros(8))
        lost = layout.matrices(values["a"] - tensor.dense)[0]
        errors[name] = np.square(x @ lost.T - bias).mean()
        masks[name] = tensor.mask
        assert tensor.mask is not None
        assert not tensor.dense[~tensor.mask].any()
    np.testing.assert_array_equal(masks["plain"], masks["repaired"])
    assert errors["repaired"] < 0.9 * errors["plain"]
