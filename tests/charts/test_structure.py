"""What moves together, as numbers and as a figure."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go

from workbench.charts import charts
from workbench.charts.structure import Bound, bound_channels
from workbench.core.compress import compress
from workbench.core.edit import set_knobs
from workbench.core.groups import Group, Part


def grouped(snapshot, share):
    """The snapshot with its two kernels tied, and a share of their channels gone."""
    units = np.arange(5)[:, None]
    parts = (
        Part("a/kernel", 1, "makes", units),
        Part("a/bias", 0, "follows", units),
        Part("b/kernel", 0, "takes", units),
    )
    sites = tuple(replace(site, groups=(Group(parts),)) for site in snapshot.sites)
    sites = (replace(sites[0], groups=sites[1].groups), sites[1])
    recipe = set_knobs(snapshot.recipe, "structured", sparsity=share, score="norm")
    digests = {path: path for path in snapshot.weights}
    network = compress(sites, snapshot.weights, recipe, digests=digests)
    before = replace(snapshot.before, network=network, recipe=recipe)
    return replace(snapshot, sites=sites, before=before, recipe=recipe)


def test_each_kernel_says_what_is_left_of_what_it_takes_and_makes(snapshot):
    assert bound_channels(snapshot) == []
    assert bound_channels(grouped(snapshot, 0.4)) == [
        Bound("a/kernel", 0, is_input=False, left=3, channels=5),
        Bound("b/kernel", 0, is_input=True, left=3, channels=5),
    ]


def test_what_moves_together_has_one_colour_and_inputs_lie_left(snapshot):
    figure = charts["structure"](grouped(snapshot, 0.4))
    go.Figure(**figure)
    left, lost = figure["data"]
    assert left["x"] == [3, -3]
    assert lost["x"] == [2, -2]
    assert left["marker"]["color"] == "var(--wb-group-1)"
    assert lost["marker"]["color"] == "var(--wb-group-1-soft)"
    assert "a/kernel, b/kernel" in left["hovertext"][0]


def test_no_count_of_channels_is_negative_and_the_marks_are_round(snapshot):
    axis = charts["structure"](grouped(snapshot, 0.4))["layout"]["xaxis"]
    assert axis["tickvals"] == [-6, -4, -2, 0, 2, 4]
    assert axis["ticktext"] == ["6", "4", "2", "0", "2", "4"]
