"""Activations that are kept."""

import numpy as np
import tensorflow as tf

from workbench.engine.cache import CHUNK_BYTES, FIRST, ActivationCache, Inputs, Rows


def column(start: int, stop: int, width: int = 1) -> tf.Tensor:
    rows = np.arange(start, stop, dtype=np.float32)[:, None]
    return tf.constant(np.repeat(rows, width, axis=1))


def test_inputs_come_in_order_and_in_batches() -> None:
    total = 1000
    x = np.arange(total, dtype=np.int32)[:, None]
    samples = np.random.default_rng(0).permutation(total)
    inputs = Inputs([x], samples, batch=256)
    row, stops, taken = 0, [], []
    while row < total:
        stop = inputs.stop_after(row)
        taken.append(inputs.take(row, stop)[0].numpy())
        stops.append(stop)
        row = stop
    assert stops == [FIRST, 2 * FIRST, 4 * FIRST, total]
    assert np.array_equal(np.concatenate(taken)[:, 0], samples)


def test_no_first_batch_is_larger_than_the_others() -> None:
    inputs = Inputs([np.zeros((100, 1))], np.arange(100), batch=8)
    assert [inputs.stop_after(row) for row in (0, 8, 96)] == [32, 40, 100]


def test_no_sample_is_kept_twice() -> None:
    inputs = Inputs([np.arange(100)[:, None]], np.arange(100), batch=32)
    for start, stop in ((0, 30), (30, 60), (60, 90)):
        inputs.take(start, stop)
    again = inputs.take(20, 50)[0].numpy()
    assert again[:, 0].tolist() == list(range(20, 50))
    assert sorted(inputs._kept) == [(20, 50), (60, 90)]


def test_a_small_batch_stays_small() -> None:
    inputs = Inputs([np.zeros((10, 1))], np.arange(10), batch=1)
    assert [inputs.stop_after(row) for row in (0, 4, 8)] == [4, 8, 10]


def test_rows_are_joined_once_all_are_there() -> None:
    rows = Rows(300)
    for start, stop in ((0, 64), (64, 128), (128, 256), (256, 300)):
        assert rows.filled == start
        rows.add([column(start, stop)])
    assert rows.stop_after(0) == 64
    assert rows.stop_after(64) == 300
    assert np.array_equal(rows.take(64, 300)[0], column(64, 300))
    assert np.array_equal(rows.take(100, 140)[0], column(100, 140))


def test_chunks_are_not_joined_beyond_their_bound() -> None:
    width = CHUNK_BYTES // 4 // 100
    rows = Rows(300)
    for start in range(0, 300, 60):
        rows.add([column(start, start + 60, width)])
    assert rows.stop_after(60) == 120
    assert np.array_equal(rows.take(240, 300)[0][:, 0], column(240, 300)[:, 0])


def test_the_longest_unused_goes_first() -> None:
    cache = ActivationCache(100)
    for key in "abc":
        cache.make(key, 1, 30)
    assert cache.nbytes == 90
    cache.get("a")
    cache.make("d", 1, 40)
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.nbytes == 100
