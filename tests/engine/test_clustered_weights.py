"""Retraining on a codebook: the shared values, their slopes, and the mask."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.chain.models import case
from workbench.core.codes import Codebook
from workbench.core.compress import compress
from workbench.core.recipe import Choice, Plan, Recipe, Retraining
from workbench.core.tensor import CompressedTensor, Site
from workbench.engine.clustered_weights import ClusteredWeights
from workbench.engine.trainer import Trainer
from workbench.engine.workload import open_workload
from workbench.methods.clustering import Clustering

SHAPES = [("dense", (6, 4), (1,)), ("depthwise", (3, 3, 2, 2), (2, 3))]


def kernel_of(kind, shape, axes, granularity, clusters=3):
    """Weights under training, every third one pruned."""
    weights = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    keep = np.arange(weights.size).reshape(shape) % 3 > 0
    step = Clustering(clusters, granularity)
    tensor = step.apply(
        CompressedTensor.of(weights).masked(keep), Site("a", kind, shape, axes)
    )
    return ClusteredWeights(keras.Variable(weights), weights, tensor), tensor, keep


@pytest.mark.parametrize(("kind", "shape", "axes"), SHAPES)
@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_the_model_holds_the_tensor(kind, shape, axes, granularity):
    kernel, tensor, keep = kernel_of(kind, shape, axes, granularity)
    kernel.project()
    for now in (np.array(kernel.variable), kernel.tensor().dense):
        np.testing.assert_array_equal(now, tensor.dense)
        assert not now[~keep].any()


@pytest.mark.parametrize(("kind", "shape", "axes"), SHAPES)
@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_an_entry_has_the_slope_of_all_its_weights(kind, shape, axes, granularity):
    kernel, tensor, keep = kernel_of(kind, shape, axes, granularity)
    upstream = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    own, entries = kernel.gradients(tf.constant(upstream), kernel.project())
    np.testing.assert_array_equal(own, upstream * keep)  # type: ignore[arg-type]
    code = tensor.code
    assert isinstance(code, Codebook)
    expected = np.zeros(code.centroids.shape)
    spread = np.broadcast_to(code.centroids, (*shape, code.centroids.shape[-1]))
    for place in np.ndindex(*shape):
        table = tuple(
            min(i, n - 1) for i, n in zip(place, expected.shape, strict=False)
        )
        if keep[place]:
            entry = int(np.argmin(np.abs(spread[place] - tensor.dense[place])))
            expected[(*table, entry)] += upstream[place]
    found = np.reshape(entries, expected.shape)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_entries_may_change_places():
    kernel, tensor, _ = kernel_of("dense", (6, 4), (1,), "tensor")
    shadow, tables = kernel.trained
    before = np.array(shadow)
    tables.assign(np.array(tables)[:, ::-1])
    kernel.project()
    np.testing.assert_array_equal(np.array(kernel.variable), tensor.dense)
    upstream = tf.ones(before.shape)
    straight = kernel.gradients(upstream, kernel.project())[1]
    tables.assign(np.array(tables)[:, ::-1])
    turned = kernel.gradients(upstream, kernel.project())[1]
    np.testing.assert_array_equal(straight, np.array(turned)[:, ::-1])  # type: ignore[arg-type]


def test_a_weight_may_change_its_cluster():
    kernel, _, keep = kernel_of("dense", (6, 4), (1,), "tensor")
    shadow, tables = kernel.trained
    shadow.assign(tf.constant(np.where(keep, np.float32(9), np.float32(0))))
    largest = np.array(tables).max()
    np.testing.assert_array_equal(kernel.tensor().dense, largest * keep)


def test_a_variable_that_the_loss_does_not_reach_has_no_slope():
    kernel, *_ = kernel_of("dense", (6, 4), (1,), "tensor")
    assert kernel.gradients(None, kernel.project()) == (None, None)


@pytest.mark.parametrize("name", ["dense"])
def test_retraining_keeps_codebook_and_mask_and_goes_on(name):
    given = case(name)
    workload = open_workload(given.model, given.data)
    prune = Choice.of("magnitude", sparsity=0.5, scope="tensor")
    cluster = Choice.of("clustering", clusters=5)
    recipe = Recipe((Plan("*", (prune, cluster)),))
    network = compress(
        workload.sites, workload.weights, recipe, digests=workload.digests
    )
    trainer, wish = Trainer(workload), Retraining(epochs=1, batch_size=32)
    *_, first = trainer.run(network, wish, recipe=recipe)
    *_, second = trainer.run(network, wish, recipe=recipe, start=first.best)
    for last in (first, second):
        assert last.best is not None
        for path, tensor in last.best.network.tensors.items():
            old, code = network.tensors[path], tensor.code
            assert isinstance(code, Codebook)
            assert tensor.mask is not None
            assert np.unique(tensor.dense[tensor.dense != 0]).size <= 5
            np.testing.assert_array_equal(tensor.mask, old.mask)  # type: ignore[arg-type]
            np.testing.assert_array_equal(code.decode() * tensor.mask, tensor.dense)
    moved = (last.best.network.digests for last in (first, second) if last.best)
    assert len({str(digests) for digests in (network.digests, *moved)}) == 3
