"""What every lesson says to answers that are missing or of the wrong kind."""

import asyncio

import pytest

from tests.notebooks.asking import check, reveal
from workbench.lessons import (
    Clustering,
    Factorization,
    Pruning,
    Quantization,
    Structure,
)
from workbench.text import LANGUAGES, say

LESSONS = (Pruning, Quantization, Structure, Factorization, Clustering)
EXERCISES = [(kind, name) for kind in LESSONS for name in kind.exercises]
GUESSES = [(kind, name) for kind in LESSONS for name in kind.guesses]
MISSING = (None, ..., "", "  ", (), (0.5, ...), [None, 4])
NONE_OF_A_KIND = ("many", True, float("nan"), 10**400, 1j, {}, [1])

# Answers, most of them wrong, whose sentences have numbers in them.
SAID = {
    Pruning: {"half": 0.3, "file": 1, "step": 4, "scope": "tensor"},
    Quantization: {
        "levels": 7,
        "zeros": 0.1,
        "plain": 4,
        "step": 0.5,
        "granularity": "channel",
    },
    Structure: {"masked": 266_200, "units": 1, "score": "obs"},
    Factorization: {
        "count": 1,
        "even": 1,
        "naive": 0.5,
        "kernel": "dense_1/kernel",
        "aware": 0.5,
        "distance": "closer",
    },
    Clustering: {
        "indexes": 1,
        "placing": 0.5,
        "zeros": 1,
        "zipped": 0.5,
        "bound": 1.6,
    },
}


def by_name(value):
    return value.__name__ if isinstance(value, type) else value


@pytest.mark.parametrize(("kind", "name"), EXERCISES, ids=by_name)
def test_an_exercise_without_an_answer_is_not_judged(lenet, kind, name):
    lesson = kind(lenet)
    for missing in MISSING:
        said = check(lesson, name, missing)
        assert said.state == lesson.states[name] == "missing"
        assert "Not answered yet" in repr(said)


@pytest.mark.parametrize(("kind", "name"), EXERCISES, ids=by_name)
def test_an_answer_of_the_wrong_kind_is_said_and_not_raised(lenet, kind, name):
    for answer in NONE_OF_A_KIND:
        said = check(kind(lenet), name, answer)
        assert said.state == "wrong"
        assert "must be" in said.text


@pytest.mark.parametrize(("kind", "name"), GUESSES, ids=by_name)
def test_nothing_is_revealed_without_a_guess(lenet, kind, name):
    earlier = lenet.recipe
    for missing in MISSING:
        assert reveal(kind(lenet), name, missing).state == "missing"
    assert lenet.recipe == earlier


@pytest.mark.parametrize("kind", LESSONS, ids=by_name)
def test_an_unknown_question_is_said(lenet, kind):
    lesson = kind(lenet)
    assert ", ".join(kind.exercises) in check(lesson, "all", 1).text
    assert "step_of_bits" in asyncio.run(lesson.mistake("all")).text
    assert "all" not in lesson.states


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", LESSONS, ids=by_name)
def test_every_sentence_has_its_numbers(lenet, kind, lang):
    lesson = kind(lenet)
    lenet.lang = lang
    try:
        said = [
            (check if name in kind.exercises else reveal)(lesson, name, answer)
            for name, answer in SAID[kind].items()
        ]
        summary = lesson.summary()
    finally:
        lenet.lang = "en"
    for one in said:
        assert one.lang == lang
        assert "{" not in one.text
        assert ("。" in one.text) == (lang == "zh")
        is_judged = one.state != "shown"
        assert one.head == (say(f"lesson.{one.state}", lang) if is_judged else "")
    assert summary.table is not None
    assert [row[0] for row in summary.table.rows] == [
        say(f"{kind.voice.area}.exercise.{name}", lang) for name in kind.exercises
    ]
