"""Counts and cuts read off weights: as NumPy has them, compiled or not."""

import numpy as np
import pytest

from workbench.core import fused
from workbench.core.tallies import Cut, cut_of, nonzeros_between
from workbench.core.tensor import CompressedTensor

WEIGHTS = np.random.default_rng(0).normal(0, 0.05, (301, 7)).astype(np.float32)


@pytest.fixture(params=[False, True], ids=["numpy", "compiled"], autouse=True)
def _is_compiled(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(fused, "LARGE", 1)


def masked(keep):
    return CompressedTensor.of(WEIGHTS).masked(keep)


@pytest.mark.parametrize("bins", [1, 12, 121])
def test_nonzeros_are_counted_between_edges(bins):
    edges = np.linspace(-0.1, 0.1, bins + 1)
    # On the edges themselves, and outside.
    values = np.concatenate([WEIGHTS.ravel(), edges.astype(np.float32), [0, -0.0, 9]])
    values = values.astype(np.float32)
    expected, _ = np.histogram(values[values != 0].astype(np.float64), edges)
    assert nonzeros_between(values, edges).tolist() == expected.tolist()


def test_a_cut_lies_between_what_was_kept_and_what_is_gone():
    keep = np.abs(WEIGHTS) >= np.float32(0.03)
    found = cut_of(masked(keep), WEIGHTS)
    magnitude = np.abs(WEIGHTS)
    assert found == Cut(float(magnitude[keep].min()), float(magnitude[~keep].max()))
    assert found.gone < found.kept


def test_a_mask_of_another_kind_has_no_cut():
    keep = np.arange(WEIGHTS.size).reshape(WEIGHTS.shape) % 2 == 0
    found = cut_of(masked(keep), WEIGHTS)
    assert found.gone > found.kept


def test_without_a_mask_nothing_is_gone():
    found = cut_of(CompressedTensor.of(WEIGHTS), WEIGHTS)
    assert found == Cut(float(np.abs(WEIGHTS).min()), 0.0)


def test_where_nothing_is_kept_there_is_no_smallest():
    found = cut_of(masked(np.zeros(WEIGHTS.shape, np.bool_)), WEIGHTS)
    assert found == Cut(np.inf, float(np.abs(WEIGHTS).max()))
