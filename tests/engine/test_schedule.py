import numpy as np
import pytest

from workbench.engine import schedule


@pytest.mark.parametrize("steps", [1, 2, 7, 200])
def test_rates_rise_to_the_peak_and_fall_towards_zero(steps):
    rates = schedule.learning_rates(steps, 0.5)
    assert rates.shape == (steps,)
    assert (rates > 0).all()
    assert rates.max() == 0.5
    top = int(rates.argmax())
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()


@pytest.mark.parametrize(
    ("samples", "held"), [(2, 1), (10, 1), (160, 16), (200_000, 5000)]
)
def test_a_tenth_is_held_out(samples, held):
    kept, out = schedule.split(samples, np.random.default_rng(0))
    assert len(out) == held
    assert np.array_equal(np.sort(np.concatenate([kept, out])), np.arange(samples))


def test_a_single_sample_is_in_both_parts():
    kept, out = schedule.split(1, np.random.default_rng(0))
    assert kept.tolist() == out.tolist() == [0]


def test_an_epoch_takes_each_sample_at_most_once():
    order = schedule.batches(np.arange(10, 33), 4, np.random.default_rng(0))
    assert order.shape == (5, 4)
    assert len(set(order.ravel().tolist()) & set(range(10, 33))) == 20
