"""What a lesson says to right, wrong, unusable and missing answers."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.chain.models import case
from tests.notebooks.asking import check, reveal
from workbench.core.presets import MISTAKES
from workbench.core.recipe import Recipe
from workbench.lessons import Feedback, Pruning, answers, trial
from workbench.lessons.feedback import Table
from workbench.lessons.mistakes import RIGHT
from workbench.session import Session
from workbench.text import say


@pytest.fixture(scope="module")
def lesson(lenet):
    return Pruning(lenet)


@pytest.fixture(scope="module")
def dense():
    return case("dense")


def first_step(lesson):
    path = lesson.session.sites[0].path
    return np.abs(lesson.session.weights[path]).max() / 7


def median(lesson):
    kernels = lesson.session.weights.values()
    return np.median(np.concatenate([np.abs(kernel).ravel() for kernel in kernels]))


def test_the_model_is_introduced_with_its_numbers(lesson):
    said = asyncio.run(lesson.open())
    assert said.state == "shown"
    assert "266,200 weights in 3 kernels" in said.text
    assert f"{lesson.session.original.score:.1%}" in said.text


def test_half_of_the_weights_lie_below_the_median(lesson):
    assert check(lesson, "half", median(lesson)).state == "right"
    assert lesson.session.before.network.sparsity == pytest.approx(0.5, abs=1e-4)
    high, low = check(lesson, "half", 0.3), check(lesson, "half", 0.001)
    assert (high.state, low.state) == ("wrong", "wrong")
    assert high.text.endswith("go lower.")
    assert low.text.endswith("go higher.")
    assert f"{lesson.session.before.network.sparsity:.1%}" in low.text
    assert "must lie in" in check(lesson, "half", -1).text


def test_zeros_save_nothing_in_float32(lesson):
    right, wrong = check(lesson, "file", 0), check(lesson, "file", 532_400)
    assert (right.state, wrong.state) == ("right", "wrong")
    assert f"{lesson.session.before.sizes.packed.value:,.0f}" in right.text


def test_the_limit_is_where_the_next_step_costs_too_much(lesson):
    states = {}
    for step in range(8, 14):
        said = check(lesson, "limit", step * 0.05)
        states[step] = said.state
        if said.state == "wrong":
            assert said.text.endswith(("go lower.", "you can go higher."))
    assert list(states.values()).count("right") == 1
    assert states[11] == "right"
    assert "5 % steps" in check(lesson, "limit", 0.42).text
    assert "from 0 to 1" in check(lesson, "limit", 50).text


def test_the_mask_survives_retraining(lesson):
    kept = round(266_200 * 0.1)
    assert check(lesson, "survivors", kept).state == "right"
    every, none = check(lesson, "survivors", 266_200), check(lesson, "survivors", 0)
    assert (every.state, none.state) == ("wrong", "wrong")
    assert "too many" in every.text
    assert "too few" in none.text


def test_one_retraining_serves_every_question_about_it(lesson):
    said = reveal(lesson, "recovery", 0.5)
    after = lesson.session.after
    assert f"{after.measurement.score:.1%}" in said.text
    assert after.measurement.score > 0.8
    assert reveal(lesson, "recovery", 0.9).table == said.table
    assert check(lesson, "survivors", 26_620).state == "right"
    assert lesson.session.after is after


def test_the_right_step_reaches_the_largest_weight(lesson):
    right = first_step(lesson)
    assert check(lesson, "step", right).state == "right"
    hints = [check(lesson, "step", answer) for answer in (4, right / 2, right * 2)]
    assert {said.state for said in hints} == {"wrong"}
    assert "number of bits" in hints[0].text
    assert "cut off" in hints[1].text
    assert len({said.text for said in hints}) == 3


def test_the_goal_asks_for_size_and_accuracy(lesson):
    large = check(lesson, "goal", (0.1, 8))
    assert (large.state, large.table) == ("wrong", None)
    assert "Prune more" in large.text
    inaccurate = check(lesson, "goal", (0.98, 2))
    assert inaccurate.state == "wrong"
    assert "Prune less" in inaccurate.text
    right = check(lesson, "goal", (0.65, 4))
    assert right.state == "right", right.text
    assert right.table is not None
    assert len(right.table.rows) == 2
    assert "must lie in" in check(lesson, "goal", (2.0, 4)).text
    assert "whole number" in check(lesson, "goal", (0.7, 4.5)).text


@pytest.mark.parametrize(
    ("name", "guess"),
    [("share", 0.2), ("left", 0.5), ("scope", "tensor"), ("scope", "global")],
)
def test_a_guess_shows_the_truth_beside_it(lesson, name, guess):
    said = reveal(lesson, name, guess)
    assert said.state == "shown"
    assert (guess if isinstance(guess, str) else f"{guess:.1%}") in said.text


def test_a_guess_that_is_none_is_said(lesson):
    assert "from 0 to 1" in reveal(lesson, "share", 30).text
    assert "'tensor', 'global'" in reveal(lesson, "scope", "both").text


def test_every_mistake_has_what_is_right_at_the_same_level():
    assert RIGHT.keys() == MISTAKES.keys()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_fails_beside_what_is_right(lesson, name):
    said = asyncio.run(lesson.mistake(name))
    assert said.state == "shown"
    assert say(f"preset.{name}.help") in said.text
    assert lesson.session.recipe == RIGHT[name]
    by_recipe = {visit.recipe: visit for visit in lesson.session.history}
    wrong, right = by_recipe[MISTAKES[name]], by_recipe[RIGHT[name]]
    if name == "zeros_in_float":
        assert right.nbytes < wrong.nbytes / 3
    else:
        assert right.score > wrong.score + 0.1


def test_the_curve_measures_each_sparsity(lesson):
    said = asyncio.run(lesson.curve(0, 0.5, 0.9))
    scores = [float(row[2].rstrip("%")) for row in said.table.rows]
    assert [row[1] for row in said.table.rows] == ["0.0%", "50.0%", "90.0%"]
    assert scores == sorted(scores, reverse=True)
    assert asyncio.run(lesson.curve(1.5)).state == "wrong"


def test_the_summary_counts_what_is_right(lesson):
    fresh = Pruning(lesson.session)
    assert fresh.summary().text == say("lesson.summary", done=0, total=6)
    check(fresh, "file", 0)
    check(fresh, "file", 1)
    check(fresh, "step", first_step(lesson))
    assert fresh.summary().text == say("lesson.summary", done=1, total=6)
    table = fresh.summary().table
    assert table is not None
    assert [row[1] for row in table.rows].count("Right.") == 1


def test_feedback_is_read_as_text_and_as_html():
    table = Table(("a<b", "c"), (("1", "2"),))
    said = Feedback("right", "1 < 2", "en", table)
    assert repr(said) == "✔ Right. 1 < 2\na<b | c\n1 | 2"
    page = said._repr_html_()
    assert "1 &lt; 2" in page
    assert "<th>a&lt;b</th>" in page
    assert 'data-state="right"' in page


def test_numpy_numbers_are_numbers():
    assert answers.number(np.float32(0.5)) == 0.5
    assert answers.number(np.int64(3)) == 3


def in_background(dense, act):
    """Run a coroutine beside a session whose lanes are threads."""

    async def run():
        session = Session(dense.model, dense.data, is_kept=False)
        try:
            return await act(session)
        finally:
            session.close()

    return asyncio.run(run())


def test_a_lesson_waits_for_what_runs_in_the_background(dense):
    async def act(session):
        lesson = Pruning(session)
        opened = await lesson.open()
        said = [await lesson.check("file", 0), await lesson.check("survivors", -1)]
        return [opened, *said], session.after

    said, after = in_background(dense, act)
    assert [one.state for one in said] == ["shown", "right", "wrong"]
    assert after.measurement.is_exact
    assert after.recipe.retraining.epochs == 1


def test_a_setting_that_is_changed_meanwhile_is_said(dense):
    async def act(session):
        await trial.opened(session)
        lesson = Pruning(session)
        asyncio.get_running_loop().call_soon(session.edit, Recipe())
        return await lesson.check("half", 0.04)

    said = in_background(dense, act)
    assert (said.state, said.text) == ("wrong", say("lesson.moved"))


def test_a_cancelled_retraining_is_said(dense, monkeypatch):
    async def act(session):
        await trial.opened(session)
        retrain = session.retrain

        def retrain_and_cancel(wish):
            retrain(wish)
            session.cancel()

        monkeypatch.setattr(session, "retrain", retrain_and_cancel)
        return await Pruning(session).reveal("recovery", 0.5)

    said = in_background(dense, act)
    assert (said.state, said.text) == ("wrong", say("lesson.cancelled"))


def test_data_without_a_test_set_are_said(dense):
    async def act(session):
        return await Pruning(session).open()

    said = in_background(replace(dense, data=None), act)
    assert (said.state, said.text) == ("wrong", say("evaluate.no_test_data"))


def test_a_model_that_cannot_be_opened_is_said_each_time(dense, tmp_path):
    model = tmp_path / "model.keras"
    dense.model.save(model)

    async def act(session):
        lesson = Pruning(session)
        return await lesson.open(), await lesson.open()

    gone = tmp_path / "gone.npz"
    said = in_background(SimpleNamespace(model=model, data=gone), act)
    assert {one.state for one in said} == {"wrong"}
    assert all("gone.npz" in one.text for one in said)
