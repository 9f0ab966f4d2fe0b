"""The order of evaluation: each prefix a sample, dense where margins are small."""

import numpy as np
import pytest

from workbench.core.intervals import paired_flips
from workbench.engine.metrics import Accuracy
from workbench.engine.ordering import Order, margins

TOTAL = 4000
DRAWS = 300


def originals() -> np.ndarray:
    """Signed margins of an original that is right nine times of ten, in logits."""
    return np.random.default_rng(0).normal(3.2, 2.5, TOTAL).astype(np.float32)


def moved(near: np.ndarray, size: float, shift: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (near + size * rng.standard_t(5, TOTAL) - shift).astype(np.float32)


def test_an_order_holds_every_sample_once() -> None:
    for distances in (None, np.abs(originals())):
        order = Order.of(distances, TOTAL, seed=0)
        assert np.array_equal(np.sort(order.samples), np.arange(TOTAL))


def test_small_margins_come_first_but_not_alone() -> None:
    order = Order.of(np.abs(originals()), TOTAL, seed=0)
    counts = np.bincount(order.strata[:64])
    dense = counts / np.bincount(order.strata)
    assert dense.tolist() == sorted(dense, reverse=True)
    assert counts.min() >= 5
    assert order.distances is not None
    means = [order.distances[order.strata == k].mean() for k in range(len(counts))]
    assert means == sorted(means)


def test_few_samples_have_one_stratum() -> None:
    order = Order.of(np.ones(3, np.float32), 3, seed=0)
    assert order.strata.tolist() == [0, 0, 0]


@pytest.mark.parametrize("n", [64, 512, 2048])
@pytest.mark.parametrize(
    ("size", "shift"), [(0.02, 0), (0.1, 0), (0.4, 0), (1.5, 0.5), (1, 4)]
)
def test_intervals_cover_the_difference(n: int, size: float, shift: float) -> None:
    near = originals()
    now = moved(near, size, shift)
    changes = (now > 0).astype(np.float32) - (near > 0)
    true = changes.mean(dtype=np.float64)
    hits = 0
    for seed in range(DRAWS):
        order = Order.of(np.abs(near), TOTAL, seed)
        seen = order.samples[:n]
        flips = order.flips(changes[seen], now[seen] - near[seen])
        within = paired_flips(flips).within
        hits += within.low - 1e-12 <= true <= within.high + 1e-12
    least = 0.945 - 3 * np.sqrt(0.945 * 0.055 / DRAWS)
    assert hits / DRAWS >= least


def test_a_small_change_is_soon_known_to_a_point_and_a_half() -> None:
    near = originals()
    now = moved(near, 0.1, 0)
    changes = (now > 0).astype(np.float32) - (near > 0)
    order = Order.of(np.abs(near), TOTAL, seed=0)
    seen = order.samples[:64]
    within = paired_flips(order.flips(changes[seen], now[seen] - near[seen])).within
    assert within.high - within.low < 0.03


def test_strata_make_small_changes_sharper() -> None:
    near = originals()
    now = moved(near, 0.2, 0)
    changes = (now > 0).astype(np.float32) - (near > 0)

    def width(order: Order, moves: np.ndarray | None) -> float:
        seen = order.samples[:512]
        part = None if moves is None else moves[seen]
        within = paired_flips(order.flips(changes[seen], part)).within
        return within.high - within.low

    strata = width(Order.of(np.abs(near), TOTAL, 0), now - near)
    plain = width(Order.of(None, TOTAL, 0), None)
    assert strata < 0.8 * plain


def near(metric: Accuracy, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    found = margins(metric, y, p)
    assert found is not None
    return found


def test_margins_are_signed_log_ratios() -> None:
    y = np.array([0, 1, 2])
    p = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    found = near(Accuracy(), y, p)
    expected = np.log([0.7 / 0.2, 0.3 / 0.5, 0.5 / 0.3])
    assert np.allclose(found, expected)
    logits = np.log(p) + 3
    found = near(Accuracy(from_logits=True), y, logits)
    assert np.allclose(found, expected)
    one_hot = near(Accuracy(is_one_hot=True), np.eye(3)[y], p)
    assert np.allclose(one_hot, expected)


def test_margins_of_two_classes_are_log_odds() -> None:
    y = np.array([1, 0, 1])
    p = np.array([[0.9], [0.9], [0.4]])
    found = near(Accuracy("binary"), y, p)
    odds = np.log([9, 1 / 9, 4 / 6])
    assert np.allclose(found, odds)
    found = near(Accuracy("binary", from_logits=True), y, np.log(p / (1 - p)))
    assert np.allclose(found, odds)


def test_sequences_have_no_margin() -> None:
    y, p = np.zeros((2, 3), int), np.ones((2, 3, 4))
    assert margins(Accuracy(), y, p) is None


def test_a_broken_network_still_has_an_interval() -> None:
    near = originals()
    order = Order.of(np.abs(near), TOTAL, 0)
    seen = order.samples[:64]
    changes = -(near[seen] > 0).astype(np.float32)
    within = paired_flips(order.flips(changes, np.full(64, np.nan))).within
    assert within.low < within.value < within.high


def test_the_chance_of_a_flip_is_small_but_no_less_than_none_far_from_the_border() -> (
    None
):
    order = Order.of(np.full(TOTAL, 1e4, np.float32), TOTAL, seed=0)
    flips = order.flips(np.zeros(64, np.float32), np.full(64, 1e-3, np.float32))
    assert (flips.chances >= 0).all()
    assert (flips.chances < 1e-6).all()
