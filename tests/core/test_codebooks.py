"""Codebooks: the least squared error, found exactly where that can be checked."""

from itertools import combinations

import numpy as np
import pytest

from workbench.core import codebooks
from workbench.core.codebooks import borders, coded, tables_of


def weights(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def least_error(values, entries, importance=None):
    """By trying every way to cut the sorted weights into intervals."""
    order = np.argsort(values)
    x = values[order].astype(np.float64)
    h = np.ones_like(x) if importance is None else importance[order]
    errors = []
    for cuts in combinations(range(1, x.size), entries - 1):
        parts = list(zip(np.split(x, cuts), np.split(h, cuts), strict=True))
        errors.append(
            sum((w * (p - np.average(p, weights=w)) ** 2).sum() for p, w in parts)
        )
    return min(errors)


@pytest.mark.parametrize("entries", [2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_no_other_intervals_have_a_smaller_error(entries, seed):
    values = weights(12, seed=seed) ** 3
    code = coded(values, tables_of(values, entries))
    error = np.square(values - code.decode().astype(np.float64)).sum()
    assert error == pytest.approx(least_error(values, entries), rel=1e-5)


def test_importance_says_what_an_error_counts():
    values = weights(12)
    importance = np.random.default_rng(1).exponential(size=12) ** 2
    table = tables_of(values, 3, importance=importance)
    gaps = values - coded(values, table).decode().astype(np.float64)
    expected = least_error(values, 3, importance)
    assert (importance * gaps**2).sum() == pytest.approx(expected, rel=1e-5)


def test_far_from_zero_is_as_good_as_near():
    values = weights(12)
    near, far = (tables_of(v, 3) for v in (values, values + np.float32(1024)))
    np.testing.assert_allclose(far - 1024, near, atol=2e-4)


def test_few_distinct_values_are_kept_as_they_are():
    values = np.array([3, 1, 1, -2, 3, -2], np.float32)
    table = tables_of(values, 16)
    assert table.tolist() == [[-2, 1, 3]]
    code = coded(values, table)
    assert code.bits == 2
    np.testing.assert_array_equal(code.decode(), values)


@pytest.mark.parametrize("axes", [(1,), (0,), (0, 2), (2, 3)])
def test_each_channel_has_its_own_table(axes):
    values = weights(4, 3, 5, 6)
    tables = tables_of(values, 3, axes=axes)
    assert tables.shape == (
        *(n if a in axes else 1 for a, n in enumerate(values.shape)),
        3,
    )
    dense = coded(values, tables, axes).decode()
    alone = np.moveaxis(values, axes, range(len(axes)))
    found = np.moveaxis(dense, axes, range(len(axes)))
    for place in np.ndindex(*alone.shape[: len(axes)]):
        channel = np.ascontiguousarray(alone[place])
        expected = coded(channel, tables_of(channel, 3)).decode()
        np.testing.assert_array_equal(found[place], expected)


def test_what_is_not_kept_has_no_part():
    values = weights(40)
    kept = np.arange(40) % 3 > 0
    np.testing.assert_array_equal(
        tables_of(values, 4, kept=kept), tables_of(values[kept], 4).reshape(1, 4)
    )
    assert tables_of(values, 4, kept=np.zeros(40, bool)).tolist() == [[0]]


def test_each_weight_goes_to_the_nearest_entry():
    values = weights(5000)
    for entries in (2, 3, 16, 17, 256):
        table = tables_of(values, entries)
        indexes = coded(values, table).indexes
        gaps = np.abs(values[:, None].astype(np.float64) - table)
        nearest = np.take_along_axis(gaps, indexes[:, None].astype(int), 1)[:, 0]
        np.testing.assert_array_equal(nearest, gaps.min(axis=1))


def test_a_border_is_the_last_float_of_the_lower_entry():
    table = np.array([0.1, 0.2, 0.7], np.float32)
    middles = (table[1:].astype(np.float64) + table[:-1]) / 2
    below, above = borders(table), np.nextafter(borders(table), np.float32(1))
    assert (below <= middles).all()
    assert (above > middles).all()


def test_many_weights_come_as_near_as_the_exact_search(monkeypatch):
    values = weights(20_000)
    monkeypatch.setattr(codebooks, "POINTS", 20_000)
    monkeypatch.setattr(codebooks, "_WORK", 2**40)
    exact = np.square(values - coded(values, tables_of(values, 16)).decode()).sum()
    monkeypatch.setattr(codebooks, "POINTS", 256)
    monkeypatch.setattr(codebooks, "FINE_POINTS", 4096)
    quick = np.square(values - coded(values, tables_of(values, 16)).decode()).sum()
    assert quick <= 1.001 * exact
