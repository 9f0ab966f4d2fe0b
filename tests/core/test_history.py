from typing import Literal

import pytest

from workbench.core.history import UNDO_STEPS, Timeline, Visit, visited
from workbench.core.recipe import Choice, Plan, Recipe, Retraining


def pruned(sparsity: float) -> Recipe:
    return Recipe((Plan("*", (Choice.of("magnitude", sparsity=sparsity),)),))


def visit(
    recipe: Recipe, kind: Literal["before", "after"] = "before", score: float = 0.9
) -> Visit:
    return Visit(recipe, kind, 1000.0, score, -0.01, -0.02, 0.0, 10, 10)


def test_undo_and_redo_walk_the_edits():
    line = Timeline(Recipe())
    line = line.edit(pruned(0.1), "", 0).edit(pruned(0.2), "", 1)
    assert line.undo().now == pruned(0.1)
    assert line.undo().undo().now == Recipe()
    assert line.undo().undo().undo().now == Recipe()
    assert line.undo().redo() == Timeline(line.now, line.past)
    assert line.redo() is line


def test_an_edit_after_undo_forgets_the_future():
    line = Timeline(Recipe()).edit(pruned(0.1), "", 0).undo()
    assert line.future
    assert line.edit(pruned(0.3), "", 1).future == ()


def test_the_moves_of_one_drag_are_undone_as_one():
    line = Timeline(Recipe())
    for i in range(1, 50):
        line = line.edit(pruned(i / 100), "sparsity", i * 0.02)
    assert line.undo().now == Recipe()
    later = line.edit(pruned(0.9), "sparsity", 100.0)
    assert later.undo().now == pruned(0.49)
    other = line.edit(pruned(0.9), "threshold", 1.0)
    assert other.undo().now == pruned(0.49)


def test_the_same_recipe_is_no_edit():
    line = Timeline(pruned(0.1))
    assert line.edit(pruned(0.1), "", 0) is line


def test_the_past_is_bounded():
    line = Timeline(Recipe())
    for i in range(1, UNDO_STEPS + 50):
        line = line.edit(pruned(i / 1000), "", i)
    assert len(line.past) == UNDO_STEPS


def test_json_round_trip():
    line = Timeline(Recipe()).edit(pruned(0.1), "", 0).edit(pruned(0.2), "", 1).undo()
    back = Timeline.from_json(line.to_json())
    assert (back.now, back.past, back.future) == (line.now, line.past, line.future)
    one = visit(pruned(0.5))
    assert Visit.from_json(one.to_json()) == one


@pytest.mark.parametrize("retraining", [None, Retraining(epochs=9)])
def test_a_setting_visited_again_is_renewed(retraining):
    again = Recipe(pruned(0.5).plans, retraining)
    history = visited((visit(pruned(0.1)), visit(pruned(0.5))), visit(again, score=0.8))
    assert [one.score for one in history] == [0.9, 0.8]


def test_every_retraining_is_kept():
    first, second = (visit(pruned(0.5), "after", score) for score in (0.8, 0.9))
    history = visited((first,), second)
    assert history == (first, second)
    assert visited(history, first) == history
