"""The clusters' squared error is no larger than scikit-learn's best of many starts."""

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans

from workbench import demo
from workbench.core.codebooks import coded, tables_of
from workbench.core.model_file import glance

pytestmark = pytest.mark.peer


def kernels():
    rng = np.random.default_rng(0)
    yield "normal", rng.normal(size=3000).astype(np.float32)
    yield "heavy tails", rng.standard_t(2, size=3000).astype(np.float32)
    found = glance(demo.paths("lenet")[0]).weights
    for path in ("dense_1/kernel",):
        yield path, found[path].ravel()


@pytest.mark.parametrize("clusters", [2, 5, 16])
def test_error_beside_k_means(clusters):
    for name, values in kernels():
        code = coded(values, tables_of(values, clusters))
        ours = np.square(values - code.decode().astype(np.float64)).sum()
        starts: Any = 3
        peer = KMeans(clusters, n_init=starts, random_state=0).fit(values[:, None])
        least: Any = peer.inertia_
        assert ours <= least * (1 + 1e-5), name
