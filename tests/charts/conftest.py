"""A small session's snapshot, made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from workbench.core.compress import compress
from workbench.core.cost import sizes
from workbench.core.edit import set_knobs
from workbench.core.history import Visit
from workbench.core.measurement import Difference, Measurement, MetricInfo, Progress
from workbench.core.recipe import Recipe
from workbench.core.snapshot import Outcome, Snapshot
from workbench.core.tensor import Site

RESULTS = np.array([1, 1, 1, 0, 1, 0], np.float32)
LABELS = np.array([0, 0, 1, 1, 2, 2], np.int64)


def measurement(results, difference=None):
    results = np.asarray(results, np.float32)
    score = float(results.mean())
    return Measurement(
        score=score,
        low=score - 0.1,
        high=score + 0.1,
        difference=difference,
        within=None,
        seen=len(results),
        total=len(results),
        turned_wrong=1,
        turned_right=0,
        results=results,
    )


@pytest.fixture
def snapshot():
    weights = {
        "a/kernel": np.linspace(-1, 1, 20, dtype=np.float32).reshape(4, 5),
        "b/kernel": np.linspace(-2, 2, 10, dtype=np.float32).reshape(5, 2),
    }
    sites = tuple(Site(p, "dense", w.shape, (1,)) for p, w in weights.items())
    digests = {path: path for path in weights}
    recipe = set_knobs(Recipe(), "magnitude", sparsity=0.5, scope="tensor")
    network = compress(sites, weights, recipe, digests=digests)
    measured = measurement([1, 0, 1, 0, 1, 0], Difference(-1 / 6, -0.4, 0.1))
    recovered = measurement(RESULTS, Difference(0, -0.1, 0.1))
    before = Outcome(recipe, network, sizes(network), measured)
    after = replace(before, measurement=recovered)
    history = (
        Visit.of(Recipe(), "before", 120.0, measurement(RESULTS)),
        Visit.of(recipe, "before", 70.0, measured),
        Visit.of(recipe, "after", 70.0, recovered),
    )
    progress = (
        Progress(1, 2, 5, 10, 0.9, 0.5, None, 1.0, 3.0),
        Progress(1, 2, 10, 10, 0.7, 0.6, 0.65, 2.0, 2.0),
    )
    return Snapshot(
        name="small",
        sites=sites,
        weights=weights,
        recipe=recipe,
        selection=(),
        original=measurement(RESULTS),
        original_sizes=sizes(compress(sites, weights, Recipe(), digests=digests)),
        before=before,
        after=after,
        history=history,
        progress=progress,
        budget=100.0,
        metric=MetricInfo("accuracy"),
        classes=("zero", "one", "two"),
        labels=LABELS,
        lang="en",
    )
