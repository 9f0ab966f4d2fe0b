"""Factors err no more than NumPy's and TensorLy's of the same ranks."""

import warnings

import numpy as np
import pytest

from workbench import demo
from workbench.core.low_rank import spectrum_of
from workbench.core.model_file import glance
from workbench.core.tensor import Site
from workbench.core.tucker import tucker_of

with warnings.catch_warnings():
    # It looks for other array libraries on the way.
    warnings.simplefilter("ignore")
    import tensorly
    from tensorly.decomposition import partial_tucker

pytestmark = pytest.mark.peer


def error(values, made):
    wide = values.astype(np.float64)
    return np.square(wide - made).sum() / np.square(wide).sum()


@pytest.mark.parametrize("path", ["dense_1/kernel", "dense_2/kernel", "scores/kernel"])
def test_the_product_is_the_truncated_svd_of_numpy(path):
    values = glance(demo.paths("lenet")[0]).weights[path]
    u, d, vt = np.linalg.svd(values.astype(np.float64), full_matrices=False)
    spectrum = spectrum_of(values, Site(path, "dense", values.shape, (1,)), None)
    assert spectrum is not None
    for rank in (1, 5, len(d) // 2):
        first, second = spectrum.factors(rank)
        best = (u[:, :rank] * d[:rank]) @ vt[:rank]
        np.testing.assert_allclose(first @ second, best, atol=1e-5)
        assert spectrum.errors[rank] == pytest.approx(error(values, best), rel=1e-5)


@pytest.mark.parametrize("path", ["conv_2/kernel", "conv_3/kernel"])
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_tucker_errs_no_more_than_tensorly_after_many_rounds(path, share):
    values = glance(demo.paths("cnn")[0]).weights[path]
    inputs, outputs = values.shape[-2:]
    ranks = [max(int(inputs * share), 1), max(int(outputs * share), 1)]
    first, core, last = tucker_of(values, None).factors(*ranks)
    ours = error(values, (first @ core @ last).reshape(values.shape))
    (their_core, factors), _ = partial_tucker(
        tensorly.tensor(values.astype(np.float64)),
        rank=ranks,
        modes=[2, 3],
        init="svd",
        n_iter_max=200,
        tol=1e-10,
    )
    made = np.einsum("hwrs,ir,os->hwio", their_core, *factors)
    assert ours <= error(values, made) * 1.01
