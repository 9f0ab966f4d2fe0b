"""What kernels of a large model see is found out when a recipe asks, not before."""

import pytest

from tests.chain.models import case
from workbench import opening
from workbench.core.edit import set_knobs
from workbench.core.recipe import Recipe, Wish
from workbench.lanes import Task
from workbench.session import Session

PRUNED = set_knobs(Recipe(), "magnitude", sparsity=0.5)
REPAIRED = set_knobs(PRUNED, "reconstruct")


@pytest.fixture(autouse=True)
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "AT_ONCE_BYTES", 0)


def session_of(recipe: Recipe | None = None) -> Session:
    dense = case("dense")
    return Session(dense.model, dense.data, recipe=recipe, is_kept=False)


def are_known(session: Session) -> bool:
    return any(site.gram is not None for site in session.sites)


def shortcomings(session: Session) -> set[str]:
    assert session.before is not None
    return {one.reason for one in session.before.network.skipped}


def test_pruning_alone_does_not_ask() -> None:
    session = session_of()
    session.edit(PRUNED)
    assert session.is_calibrated
    assert not are_known(session)


def test_an_edit_asks() -> None:
    session = session_of()
    session.edit(REPAIRED)
    assert are_known(session)
    assert "repair.not_calibrated" not in shortcomings(session)


def test_a_first_recipe_asks() -> None:
    session = session_of(REPAIRED)
    assert are_known(session)
    assert "repair.not_calibrated" not in shortcomings(session)


def test_a_wish_over_all_tensors_asks_before_it_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "AT_ONCE_BYTES", 2**40)
    usual = session_of()
    usual.edit(Recipe(wish=Wish(sparsity=0.5)))
    monkeypatch.setattr(opening, "AT_ONCE_BYTES", 0)
    late = session_of()
    late.edit(Recipe(wish=Wish(sparsity=0.5)))
    assert are_known(late)
    assert late.recipe.plans == usual.recipe.plans
    assert late.before is not None
    assert usual.before is not None
    assert late.before.network.digest == usual.before.network.digest


def test_a_cancelled_look_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_of()
    with monkeypatch.context() as patch:
        patch.setattr(Task, "is_cancelled", property(lambda _: True))
        opening.see(session)
    assert not are_known(session)
    session.edit(REPAIRED)
    assert are_known(session)
