"""Rounding with feedback, where what a layer sees is nearly dependent."""

import numpy as np

from workbench.core.feedback import ways_of


def test_a_matrix_on_the_edge_of_definite_has_its_ways() -> None:
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(3, 8)) @ np.diag(10.0 ** np.arange(8))
    ((order, upper),) = ways_of((seen.T @ seen)[None])
    assert sorted(order) == list(range(8))
    assert np.isfinite(upper).all()
    assert (np.diag(upper) > 0).all()
