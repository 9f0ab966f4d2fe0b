"""What the lesson on channels says, judged by what a session measured."""

import asyncio

import pytest

from tests.notebooks.asking import check, reveal
from workbench.lessons import Structure, channels


@pytest.fixture(scope="module")
def lesson(lenet):
    return Structure(lenet)


def test_zeros_leave_every_multiplication(lesson):
    assert check(lesson, "masked", 266_200).state == "right"
    assert check(lesson, "masked", 133_100).state == "wrong"


def test_units_are_counted_in_the_smaller_model(lesson):
    said = check(lesson, "units", 300)
    assert said.state == "wrong"
    kernel = lesson.session.before.network.tensors["dense_1/kernel"]
    left = int(kernel.dense.any(axis=0).sum())
    right = check(lesson, "units", left)
    assert right.state == "right"
    assert f"784×{left}" in right.text


def test_the_limit_is_where_the_next_step_costs_too_much(lesson):
    said = {step: check(lesson, "limit", step / 10) for step in (5, 8, 9)}
    assert [one.state for one in said.values()] == ["wrong", "right", "wrong"]
    assert said[5].text.endswith("you can go higher.")
    assert said[9].text.endswith("go lower.")
    assert "10 % steps" in check(lesson, "limit", 0.75).text
    assert "must lie in" in check(lesson, "limit", 1).text


def test_where_nothing_costs_anything_the_highest_is_right(lesson, monkeypatch):
    monkeypatch.setattr(channels, "LIMIT_POINTS", -100.0)
    assert check(lesson, "limit", channels.HIGHEST).state == "right"


@pytest.mark.parametrize(
    ("name", "guess"), [("score", "norm"), ("score", "obs"), ("repair", 0.5)]
)
def test_a_guess_shows_the_truth_beside_it(lesson, name, guess):
    said = reveal(lesson, name, guess)
    assert said.state == "shown"
    assert (guess if isinstance(guess, str) else f"{guess:.1%}") in said.text
    assert f"{lesson.session.before.measurement.score:.1%}" in said.text


def test_only_channels_that_are_gone_make_the_model_smaller(lesson):
    table = asyncio.run(lesson.running()).table
    original, zeros, smaller = (row[1:4] for row in table.rows)
    assert original == zeros
    counts = [int(row[1].replace(",", "")) for row in (original, smaller)]
    assert counts[1] == pytest.approx(counts[0] / 2, rel=0.02)
