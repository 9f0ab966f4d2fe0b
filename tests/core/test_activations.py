"""Grids of activations from what calibration saw."""

import numpy as np
import pytest

from workbench.core.activations import ActivationQuantization, Observed
from workbench.core.errors import UserError


def observed(values, bins=512):
    counts, _ = np.histogram(values, bins, (values.min(), values.max()))
    low, high = float(values.min()), float(values.max())
    return Observed(low, high, counts.astype(np.float64), len(values))


def test_min_max_covers_what_was_seen():
    grid = Observed(-1.0, 3.0, np.ones(4), 10).grid(8, "minmax")
    assert grid.scale == np.float32(4) / np.float32(255)
    assert grid.zero_point == 64
    assert not grid.is_symmetric


@pytest.mark.parametrize("choice", ["minmax", "mse"])
def test_a_range_always_holds_zero(choice):
    above = Observed(1.0, 3.0, np.ones(64), 10).grid(8, choice)
    assert above.zero_point == 0
    below = Observed(-3.0, -1.0, np.ones(64), 10).grid(8, choice)
    assert below.zero_point == 255


def test_a_constant_output_has_a_grid():
    for value in (0.0, 2.0, -2.0):
        grid = Observed(value, value, np.ones(1), 10).grid(4, "mse")
        assert np.isfinite(grid.scale).all()
        level = np.clip(np.rint(value / grid.scale) + grid.zero_point, *grid.limits)
        assert (level - grid.zero_point) * grid.scale == pytest.approx(value, rel=1e-6)


def test_least_error_cuts_a_lonely_outlier_at_few_bits():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.exponential(size=10_000), [60.0]])
    seen = observed(values)
    wide, tight = seen.grid(4, "minmax"), seen.grid(4, "mse")
    assert tight.scale < 0.5 * wide.scale

    def error(grid):
        q = np.clip(np.rint(values / grid.scale) + grid.zero_point, *grid.limits)
        return np.square((q - grid.zero_point) * grid.scale - values).sum()

    assert error(tight) < error(wide)


def test_least_error_keeps_a_range_that_is_used_to_its_ends():
    values = np.random.default_rng(0).choice([-1.0, 2.0], 1000)
    seen = observed(values)
    assert seen.grid(8, "mse").scale == seen.grid(8, "minmax").scale


@pytest.mark.parametrize("values", [{"bits": 3}, {"range": "max"}, {"edges": "both"}])
def test_bad_settings_are_refused(values):
    with pytest.raises(UserError, match=r"activations\."):
        ActivationQuantization(**values)
