"""Gradients are taken when a recipe asks for them, and not before."""

from tests.chain.models import case
from workbench.core.edit import set_knobs
from workbench.core.recipe import Recipe
from workbench.session import Session

ASKED = set_knobs(Recipe(), "structured", sparsity=0.5, score="taylor")


def session_of(recipe=None):
    dense = case("dense")
    return Session(dense.model, dense.data, recipe=recipe, is_kept=False)


def are_known(session):
    return any(site.slopes is not None for site in session.sites)


def shortcomings(session):
    return {one.reason for one in session.before.network.skipped}


def test_an_edit_asks_for_them():
    session = session_of()
    assert not are_known(session)
    session.edit(ASKED)
    assert are_known(session)
    assert session.before.network.sparsity > 0.3
    assert "structure.no_slopes" not in shortcomings(session)


def test_a_first_recipe_asks_for_them():
    session = session_of(ASKED)
    assert are_known(session)
    assert session.before.recipe.needs_slopes
    assert "structure.no_slopes" not in shortcomings(session)


def test_without_training_data_the_norm_decides_and_a_reason_is_said():
    dense = case("dense")
    only = {name: dense.data[name] for name in ("x_test", "y_test")}
    session = Session(dense.model, only, recipe=ASKED, is_kept=False)
    assert "repair.not_calibrated" in shortcomings(session)
    assert session.before.network.sparsity > 0.3
