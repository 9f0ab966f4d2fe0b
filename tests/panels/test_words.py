"""What the screen says where there is little to say: no change, no one threshold."""

from collections.abc import Iterator
from typing import Any

import ipywidgets
import pytest

from tests.chain.models import case
from tests.panels.support import tree
from workbench.core.edit import set_bits, set_knobs
from workbench.core.recipe import Recipe, Retraining
from workbench.panels.address import Address
from workbench.panels.doctor import doctor
from workbench.panels.html_table import html_table
from workbench.panels.measures import measures
from workbench.panels.pruning import threshold_slider
from workbench.panels.retraining import retraining
from workbench.panels.scope import Scope
from workbench.panels.verdict import verdict
from workbench.panels.words import ratio
from workbench.session import Session


@pytest.fixture
def session() -> Iterator[Session]:
    form = case("dense")
    opened = Session(form.model, form.data, is_kept=False)
    yield opened
    opened.close()


@pytest.fixture
def scope(session: Session) -> Iterator[Scope]:
    watching = Scope(session, Address())
    yield watching
    watching.close()


def test_a_model_as_it_was_is_not_once_smaller(scope: Scope) -> None:
    session = scope.session
    box: Any = verdict(scope)
    [text] = box.children
    assert "Nothing compressed: " in text.value
    assert f"accuracy {session.original.score:.2%}" in text.value
    assert "points" not in text.value
    assert "turned" not in text.value
    session.edit(set_bits(Recipe(), "uniform", 4))
    assert "× smaller" in text.value
    assert "points" in text.value
    assert "turned wrong" in text.value
    session.set(lang="zh")
    session.reset()
    assert "尚未压缩" in text.value


def test_a_ratio_has_no_power_of_ten() -> None:
    assert [ratio(value) for value in (1, 17.63, 999.6, 12345.6)] == [
        "1",
        "17.6",
        "1,000",
        "12,346",
    ]


def test_a_threshold_is_shown_where_one_holds(scope: Scope) -> None:
    session, slider = scope.session, threshold_slider(scope).widget
    assert "wb-various" not in slider._dom_classes
    session.edit(set_knobs(Recipe(), "magnitude", sparsity=0.5, scope="tensor"))
    assert "wb-various" in slider._dom_classes
    session.select([session.sites[0].path])
    session.edit(set_knobs(session.recipe, "magnitude", threshold=0.1))
    assert slider.value == pytest.approx(0.1)
    assert "wb-various" not in slider._dom_classes


def test_what_a_retraining_has_not_got_yet_takes_no_place(scope: Scope) -> None:
    group = retraining(scope)
    [bar] = [w for w in tree(group) if isinstance(w, ipywidgets.FloatProgress)]
    words = scope.say("knob.retraining.start")
    [start] = [w for w in tree(group) if getattr(w, "description", "") == words]
    assert all("wb-hidden" in part._dom_classes for part in (bar, start))
    scope.session.retrain(Retraining(epochs=1))
    assert not any("wb-hidden" in part._dom_classes for part in (bar, start))


def test_a_table_has_a_head_and_says_its_titles_in_every_cell() -> None:
    text = html_table(("a", "<b>"), [("x", "1")], numbers=(1,))
    assert text.startswith('<table class="wb-table"><thead><tr><th>a</th>')
    assert '<th class="wb-number">&lt;b&gt;</th></tr></thead>' in text
    assert '<td class="wb-number" data-label="&lt;b&gt;">1</td>' in text


def test_the_doctor_folds_what_is_no_kernel(scope: Scope) -> None:
    shown: Any = doctor(scope, ipywidgets.ToggleButton(value=True))
    kernels, folded = shown.value.split("<details>")
    others = [s.path for s in scope.session.workload.tensors if not s.can]
    assert others
    assert all(path in folded and path not in kernels for path in others)
    assert f"{len(others)} more variables" in folded


def test_an_encoding_is_named_in_the_language(scope: Scope) -> None:
    shown: Any = measures(scope, ipywidgets.ToggleButton(value=True))
    assert "(dense)" in shown.value
    scope.session.set(lang="zh")
    assert "(稠密)" in shown.value
    assert "(dense)" not in shown.value
