"""What each kernel loses alone, as numbers and as a figure."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from workbench.charts import charts
from workbench.core.measurement import MetricInfo
from workbench.core.sensitivity import Scan


def scanned(snapshot, *changes):
    scan = Scan.of("sparsity", snapshot.sites)
    for change in changes:
        scan = scan.with_change(*change)
    return replace(snapshot, scan=scan)


def test_losses_are_points_of_accuracy(snapshot):
    now = scanned(snapshot, ("b/kernel", 0.5, -0.031), ("a/kernel", 0.3, 0.01))
    found = now.scan.losses(now.metric)
    assert found[1, 1] == pytest.approx(3.1)
    assert found[0, 0] == pytest.approx(-1)
    assert np.isnan(found).sum() == found.size - 2


def test_where_less_is_better_a_rise_is_a_loss(snapshot):
    error = MetricInfo("mae", higher_is_better=False, is_accuracy=False)
    now = scanned(replace(snapshot, metric=error), ("a/kernel", 0.3, 0.2))
    assert now.scan.losses(now.metric)[0, 0] == pytest.approx(0.2)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_figure_has_a_row_a_kernel(snapshot, lang):
    now = replace(scanned(snapshot, ("b/kernel", 0.5, -0.031)), lang=lang)
    drawn = charts["sensitivity"](now)
    go.Figure(drawn)
    (cells,) = drawn["data"]
    assert cells["y"] == ["a/kernel", "b/kernel"]
    assert cells["x"][:2] == ["30%", "50%"]
    assert cells["z"][1, 1] == pytest.approx(3.1)
    assert np.isfinite(cells["z"]).sum() == 1
    assert cells["text"][1][1] == "3.1"
    assert cells["customdata"][1][0] == "b/kernel"
    assert cells["zmax"] == pytest.approx(3.1)


@pytest.mark.parametrize(
    ("change", "points", "score"),
    [(-0.1439, "14", "0.14"), (-0.0021, "0.2", "0.0021"), (0.02, "−2.0", "−0.02")],
)
def test_a_cell_has_two_digits(snapshot, change, points, score):
    now = scanned(snapshot, ("a/kernel", 0.3, change), ("b/kernel", 0.3, 0.0001))
    cells = charts["sensitivity"](now)["data"][0]["text"]
    assert cells[0][0] == points
    assert cells[1][0] == "0.0"
    f1 = MetricInfo("f1", is_accuracy=False)
    cells = charts["sensitivity"](replace(now, metric=f1))["data"][0]["text"]
    assert cells[0][0] == score
