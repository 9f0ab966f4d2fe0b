"""Clustering: shared values, zeros that stay, and rounding that passes errors on."""

import numpy as np
import pytest

from workbench.core.calibration import Gram
from workbench.core.codes import Codebook
from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe
from workbench.core.tensor import CompressedTensor, Site
from workbench.methods.clustering import Clustering


def weights(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def seen(inputs, groups=1):
    """What a kernel saw whose inputs go together."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(groups, 500, inputs)) @ rng.normal(size=(inputs, inputs))
    moments = np.einsum("gni,gnj->gij", x, x) / 500
    return Gram(moments.astype(np.float32), x.mean(1).astype(np.float32), 500)


def clustered(step, values, mask=None, **site):
    place = Site("a/kernel", "dense", values.shape, (values.ndim - 1,), **site)
    tensor = CompressedTensor.of(values)
    return step.apply(tensor if mask is None else tensor.masked(mask), place)


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
@pytest.mark.parametrize(("clusters", "bits"), [(2, 1), (3, 2), (16, 4), (17, 5)])
def test_weights_share_so_many_values(clusters, bits, granularity):
    made = clustered(Clustering(clusters, granularity), weights(60, 5))
    assert isinstance(made.code, Codebook)
    assert made.bits == bits
    parts = made.dense.T if granularity == "channel" else [made.dense]
    assert [np.unique(part).size for part in parts] == [clusters] * len(parts)


@pytest.mark.parametrize("rounding", ["nearest", "feedback", "adaptive"])
@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_pruned_weights_stay_zero_and_take_no_cluster(granularity, rounding):
    values = weights(24, 4)
    mask = np.abs(values) > 0.5
    step = Clustering(4, granularity, rounding)
    made = clustered(step, values, mask, gram=seen(24))
    np.testing.assert_array_equal(made.dense != 0, mask)
    parts = made.dense.T if granularity == "channel" else [made.dense]
    assert all(np.unique(part[part != 0]).size == 4 for part in parts)


def test_zeros_of_the_original_are_pruned_weights():
    values = weights(30, 2)
    values[::3] = 0
    made = clustered(Clustering(4), values)
    np.testing.assert_array_equal(made.mask, values != 0)
    assert not made.dense[::3].any()


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
@pytest.mark.parametrize("clusters", [2, 4, 8])
def test_feedback_changes_less_of_what_the_layer_makes(clusters, granularity):
    values, gram = weights(64, 12), seen(64)
    step = Clustering(clusters, granularity, "feedback")

    def error(made):
        lost = values.astype(np.float64) - made.dense
        return np.einsum("io,ij,jo->", lost, gram.moments[0], lost)

    plain = clustered(step.plain(), values)
    assert error(clustered(step, values, gram=gram)) < 0.9 * error(plain)
    without = clustered(step, values)
    np.testing.assert_array_equal(without.dense, plain.dense)


def test_feedback_minds_what_compressed_layers_give():
    values, own, now = weights(64, 12), seen(64), seen(64)
    step = Clustering(4, rounding="feedback")
    turned = Gram(now.moments[:, ::-1, ::-1], now.mean[:, ::-1], 500)

    def error(made):
        lost = values.astype(np.float64) - made.dense
        return np.einsum("io,ij,jo->", lost, turned.moments[0], lost)

    minding = clustered(step, values, gram=own, current=turned)
    assert error(minding) < 0.9 * error(clustered(step, values, gram=own))


def test_feedback_of_each_channel_of_a_depthwise_kernel():
    values = weights(3, 3, 4, 2)
    place = Site("a", "depthwise", values.shape, (2, 3), gram=seen(9, groups=4))
    step = Clustering(3, "channel", "feedback")
    made = step.apply(CompressedTensor.of(values), place)
    found = made.dense.reshape(9, 8)
    assert all(np.unique(found[:, i]).size <= 3 for i in range(8))


def test_the_narrower_of_clustering_and_quantization_stands():
    sites = [Site(name, "dense", (8, 4), (1,)) for name in ("a", "b")]
    wide = Plan("*", (Choice.of("uniform", bits=8),))
    narrow = Plan("b", (Choice.of("clustering", clusters=4),))
    values = {site.path: weights(8, 4) for site in sites}
    digests = dict.fromkeys("ab", "")
    made = compress(sites, values, Recipe((wide, narrow)), digests=digests).tensors
    assert {path: tensor.bits for path, tensor in made.items()} == {"a": 8, "b": 2}
