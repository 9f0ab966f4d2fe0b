"""What the lesson on bits says, judged by what a session measured."""

import asyncio

import numpy as np
import pytest

from tests.chain.models import case
from tests.notebooks.asking import check, reveal
from workbench.lessons import Quantization, bits
from workbench.session import Session


@pytest.fixture(scope="module")
def lesson(lenet):
    return Quantization(lenet)


@pytest.fixture(scope="module")
def kernel(lesson):
    return lesson.session.weights["dense_1/kernel"]


def test_three_bits_of_a_symmetric_grid_are_seven_values(lesson):
    assert check(lesson, "levels", 7).state == "right"
    wrong = check(lesson, "levels", 8)
    assert wrong.state == "wrong"
    assert "from −3 to 3" in wrong.text


def test_below_half_a_step_a_weight_becomes_zero(lesson, kernel):
    share = (np.abs(kernel) < np.abs(kernel).max() / 6).mean()
    right = check(lesson, "zeros", share)
    assert right.state == "right"
    assert f"{share:.1%}" in right.text
    assert [check(lesson, "zeros", s).state for s in (0, 0.5, 1)] == ["wrong"] * 3
    assert "from 0 to 1" in check(lesson, "zeros", 86).text


def test_one_bit_fewer_would_cost_too_much(lesson):
    said = {width: check(lesson, "plain", width) for width in range(2, 9)}
    assert [width for width, one in said.items() if one.state == "right"] == [5]
    assert said[4].text.endswith("more bits are needed.")
    assert said[6].text.endswith("fewer are enough.")
    assert "must lie in" in check(lesson, "plain", 1).text
    assert "whole number" in check(lesson, "plain", 4.5).text


def test_repaired_two_bits_fewer_are_enough(lesson):
    low, right = check(lesson, "repaired", 2), check(lesson, "repaired", 3)
    assert (low.state, right.state) == ("wrong", "right")
    assert low.text.endswith("more bits are needed.")
    assert "exercise 3" in right.text


def test_where_no_width_costs_anything_the_least_is_right(lesson, monkeypatch):
    monkeypatch.setattr(bits, "LIMIT_POINTS", -100.0)
    assert "no smaller bit width" in check(lesson, "plain", 2).text
    assert lesson.states["plain"] == "right"
    assert check(lesson, "plain", 3).state == "wrong"


def test_the_best_step_has_the_least_error_of_all(lesson, kernel):
    def lost(step):
        return np.sum((kernel - step * np.clip(np.round(kernel / step), -1, 1)) ** 2)

    steps = np.linspace(0.02, 0.3, 141)
    errors = np.array([lost(step) for step in steps])
    for step, error in list(zip(steps, errors, strict=True))[::10]:
        is_near = error <= 1.02 * errors.min()
        assert check(lesson, "step", step).state == ("right" if is_near else "wrong")
    assert check(lesson, "step", steps[errors.argmin()]).state == "right"
    low, high = check(lesson, "step", 0.02), check(lesson, "step", np.abs(kernel).max())
    assert "too small" in low.text
    assert "too large" in high.text
    assert "greater than 0" in check(lesson, "step", 0).text


def test_feedback_leaves_the_weights_farther_and_the_answers_better(lesson):
    assert check(lesson, "distance", "farther").state == "right"
    assert check(lesson, "distance", "closer").state == "wrong"
    assert "'closer', 'farther'" in check(lesson, "distance", "same").text
    by_recipe = {visit.recipe: visit.score for visit in lesson.session.history}
    nearest, passed_on = (
        by_recipe[bits.rounded(form, 2)] for form in ("range", "feedback")
    )
    assert passed_on > nearest + 0.02


@pytest.mark.parametrize(
    ("name", "guess"),
    [("naive", 0.5), ("granularity", "tensor"), ("feedback", 0.9)],
)
def test_a_guess_shows_the_truth_beside_it(lesson, name, guess):
    said = reveal(lesson, name, guess)
    assert said.state == "shown"
    assert (guess if isinstance(guess, str) else f"{guess:.1%}") in said.text
    assert f"{lesson.session.before.measurement.score:.1%}" in said.text


def test_each_repair_adds_to_the_one_before(lesson):
    table = asyncio.run(lesson.forms(3)).table
    scores = [float(row[2].rstrip("%")) for row in table.rows]
    assert len(scores) == len(bits.FORMS)
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 10


def test_the_curve_measures_each_width(lesson):
    said = asyncio.run(lesson.curve(8, 4, 2))
    assert [row[0] for row in said.table.rows] == ["8", "4", "2"]
    scores = [float(row[2].rstrip("%")) for row in said.table.rows]
    assert scores == sorted(scores, reverse=True)
    assert asyncio.run(lesson.curve(1)).state == "wrong"


def test_a_repair_waits_until_calibration_has_seen_the_inputs():
    dense = case("dense")

    async def act():
        session = Session(dense.model, dense.data, is_kept=False)
        try:
            await Quantization(session).reveal("feedback", 0.5)
            return session.before.network
        finally:
            session.close()

    network = asyncio.run(act())
    assert network.skipped == ()
    assert any(tensor.shift is not None for tensor in network.tensors.values())
