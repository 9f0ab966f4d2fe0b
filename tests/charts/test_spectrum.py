"""The spectrum of a kernel as numbers and as a figure."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from workbench.charts import charts
from workbench.charts.spectrum import ranks
from workbench.core.compress import compress
from workbench.core.edit import set_knobs


def factorized(snapshot, share):
    recipe = set_knobs(snapshot.recipe, "svd", rank=share)
    digests = {path: path for path in snapshot.weights}
    network = compress(snapshot.sites, snapshot.weights, recipe, digests=digests)
    before = replace(snapshot.before, network=network, recipe=recipe)
    return replace(snapshot, before=before, recipe=recipe, selection=())


def test_every_rank_has_the_error_of_its_product(snapshot):
    snapshot = replace(snapshot, selection=())
    found = ranks(snapshot)
    assert found is not None
    values = snapshot.weights[found.path].astype(np.float64)
    values = values.reshape(-1, values.shape[-1])
    u, d, vt = np.linalg.svd(values, full_matrices=False)
    for rank in range(len(d) + 1):
        lost = values - (u[:, :rank] * d[:rank]) @ vt[:rank]
        expected = np.square(lost).sum() / np.square(values).sum()
        assert found.errors[rank] == pytest.approx(expected, abs=1e-7)
    assert found.break_even == pytest.approx(values.size / sum(values.shape))
    assert found.rank is None


def test_the_figure_shows_the_rank_and_where_it_pays(snapshot):
    plain = charts["spectrum"](replace(snapshot, selection=()))
    assert len(plain["layout"]["shapes"]) == 1
    now = factorized(snapshot, 0.5)
    found = ranks(now)
    assert found is not None
    assert found.rank is not None
    drawn = charts["spectrum"](now)
    go.Figure(drawn)
    assert [s["x0"] for s in drawn["layout"]["shapes"]] == [
        found.break_even,
        found.rank,
    ]
    assert drawn["data"][1]["y"] == found.errors.tolist()
