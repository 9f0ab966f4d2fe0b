"""Moments of rows, where inputs hardly vary beside their mean."""

import numpy as np
import pytest

from workbench.core.calibration import Bias, Gram, covariance


@pytest.fixture
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    found = rng.normal(1, 1, (1, 2048, 24)).astype(np.float32)
    found[..., 3] = 5.2827239
    return found


def test_it_is_that_of_numpy(rows: np.ndarray) -> None:
    spread, mean = covariance(rows)
    wide = rows[0].astype(np.float64)
    np.testing.assert_allclose(mean[0], wide.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        spread[0], np.cov(wide, rowvar=False, bias=True), rtol=1e-5, atol=1e-6
    )


def test_an_input_that_never_varies_leaves_the_moments_definite(
    rows: np.ndarray,
) -> None:
    rows[..., [n for n in range(24) if n != 3]] = 0
    spread, mean = covariance(rows)
    assert spread.diagonal(axis1=1, axis2=2).min() >= 0
    moments = spread + mean[:, :, None] * mean[:, None]
    own = moments.astype(np.float32), mean.astype(np.float32)
    np.linalg.cholesky(Gram(*own, rows.shape[1], Bias("bias")).hessian())
