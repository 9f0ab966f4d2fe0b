"""The drawer of methods: a tick asks, knobs follow, and what is skipped is said."""

from dataclasses import dataclass
from typing import Any, ClassVar

import ipywidgets
import numpy as np
import pytest

from tests.chain.models import case
from workbench.charts.style import summary
from workbench.cli import main
from workbench.core.codes import Codebook
from workbench.core.edit import is_repaired, set_knobs, set_repair, wide_knobs
from workbench.core.knob import knob, knobs
from workbench.core.recipe import Recipe
from workbench.core.step import TensorStep, steps
from workbench.core.tensor import CompressedTensor, Site
from workbench.panels.layer_table import layer_table
from workbench.panels.methods import ELSEWHERE, methods
from workbench.panels.scope import Scope
from workbench.session import Session
from workbench.text import LANGUAGES, catalogue


@pytest.fixture(scope="module")
def opened():
    form = case("residual")
    session = Session(form.model, form.data, is_kept=False)
    yield session
    session.close()


@pytest.fixture
def session(opened):
    opened.select(())
    opened.edit(Recipe())
    yield opened
    opened.lang = "en"


@pytest.fixture
def panel(session):
    scope = Scope(session, None)  # type: ignore[arg-type]
    yield Panel(methods(scope))
    scope.close()


class Panel:
    """The parts of the drawer by method."""

    def __init__(self, box: Any) -> None:
        self.note, grid = box.children
        names = [name for name in steps if name not in ELSEWHERE]
        self.groups = dict(zip(names, grid.children, strict=True))

    def tick(self, name: str) -> ipywidgets.Checkbox:
        return self.groups[name].children[0]

    def control(self, name: str, field: str) -> Any:
        shown = [f for f, knob in knobs(steps[name]).items() if not knob.optional]
        return self.groups[name].children[1].children[shown.index(field)]

    def skipped(self, name: str) -> str:
        return self.groups[name].children[2].value

    def is_open(self, name: str) -> bool:
        return "wb-hidden" not in self.groups[name].children[1]._dom_classes


def test_every_method_has_a_group_and_words_in_both_languages(panel):
    assert {"n_of_m", "block", "clustering", "svd", "tucker", "structured", "obs"} <= {
        *panel.groups
    }
    for name in panel.groups:
        keys = [f"knob.{name}", *(f"knob.{name}.{f}" for f in knobs(steps[name]))]
        for lang in LANGUAGES:
            for key in keys:
                assert catalogue(lang)[key]
                assert catalogue(lang)[f"{key}.help"]


def test_a_tick_asks_for_everything_and_its_knobs_follow(panel, session):
    assert not panel.is_open("block")
    panel.tick("block").value = True
    assert panel.is_open("block")
    assert panel.control("block", "sparsity").value == 0.5
    assert abs(session.before.network.sparsity - 0.5) < 0.1
    panel.control("block", "sparsity").value = 0.7
    assert abs(session.before.network.sparsity - 0.7) < 0.1
    panel.control("block", "shape").value = "1x4"
    values = wide_knobs(session.recipe, "block")
    assert values == {"sparsity": 0.7, "shape": "1x4", "scope": "lamp"}
    row = session.before.network.tensors[session.sites[0].path].dense.reshape(-1, 4)
    assert {*np.count_nonzero(row, axis=1)} == {0, 4}
    session.undo()
    assert panel.control("block", "shape").value == "4x1"
    panel.tick("block").value = False
    assert not panel.is_open("block")
    assert session.recipe == Recipe()
    assert session.before.network.sparsity == 0.0


def test_selected_tensors_alone(panel, session):
    whole = panel.note.value
    first, second = (site.path for site in session.sites[-2:])
    session.select((first,))
    assert first in panel.note.value != whole
    panel.tick("clustering").value = True
    panel.control("clustering", "clusters").value = 4
    tensors = session.before.network.tensors
    assert np.unique(tensors[first].dense).size == 4
    assert np.unique(tensors[second].dense).size > 4
    session.select((second,))
    assert not panel.tick("clustering").value
    session.select(())
    assert not panel.tick("clustering").value

    panel.tick("clustering").value = True
    session.select((first, second))
    assert panel.control("clustering", "clusters").value == 16
    panel.tick("clustering").value = False
    for path in (first, second):
        assert not session.recipe.steps_for(path)
    assert session.recipe.steps_for(session.sites[0].path)


def test_two_codes_exclude_each_other(panel, session):
    session.edit(set_knobs(Recipe(), "uniform", bits=4))
    panel.tick("clustering").value = True
    assert wide_knobs(session.recipe, "uniform") is None
    codes = [tensor.code for tensor in session.before.network.tensors.values()]
    assert all(isinstance(code, Codebook) for code in codes)
    session.edit(set_knobs(session.recipe, "uniform", bits=4))
    assert not panel.tick("clustering").value
    path = session.sites[-1].path
    session.select((path,))
    panel.tick("clustering").value = True
    assert [step.name for step in session.recipe.steps_for(path)] == ["clustering"]
    panel.tick("clustering").value = False
    assert [step.name for step in session.recipe.steps_for(path)] == ["uniform"]


def test_a_tick_joins_the_repair(panel, session):
    session.edit(set_repair(Recipe(), is_on=True))
    panel.tick("clustering").value = True
    assert is_repaired(session.recipe)
    assert panel.control("clustering", "rounding").value == "adaptive"
    panel.control("clustering", "rounding").value = "nearest"
    assert panel.control("clustering", "rounding").value == "nearest"


def test_what_a_method_does_not_treat_is_said(panel, session):
    panel.tick("tucker").value = True
    panel.control("tucker", "rank").value = 0.3
    skipped = {
        one.path for one in session.before.network.skipped if one.step == "tucker"
    }
    kernels = len(session.before.network.tensors)
    assert 0 < len(skipped) < kernels
    assert f"of {kernels} tensors" in panel.skipped("tucker")
    assert all(path in panel.skipped("tucker") for path in skipped)
    treated = next(site.path for site in session.sites if site.path not in skipped)
    session.select((treated,))
    assert panel.skipped("tucker") == ""
    session.select((min(skipped),))
    assert "1 of 1 tensors" in panel.skipped("tucker")


def test_another_language_keeps_the_widgets(panel, session):
    panel.tick("n_of_m").value = True
    pattern = panel.control("n_of_m", "pattern")
    pattern.value = "1:4"
    session.lang = "zh"
    assert panel.tick("n_of_m").description == "N:M 稀疏"
    assert panel.control("n_of_m", "pattern") is pattern
    assert pattern.description == "模式"
    assert pattern.value == "1:4"
    assert panel.is_open("n_of_m")
    assert session.recipe == set_knobs(Recipe(), "n_of_m", pattern="1:4")


def test_a_row_of_the_table_is_left_as_it_is_by_every_method(session):
    scope = Scope(session, None)  # type: ignore[arg-type]
    overrides: Any = layer_table(scope)
    inherits, spares = overrides.children[1].children[-1].children
    path = session.sites[-1].path
    wide = set_repair(set_knobs(Recipe(), "clustering", clusters=4), is_on=True)
    wide = set_knobs(wide, "n_of_m")
    session.edit(set_knobs(wide, "uniform", path, bits=4))
    session.select((path,))
    spares.click()
    assert session.recipe.steps_for(path) == ()
    start = session.before.network.tensors[path].start
    np.testing.assert_array_equal(session.before.network.tensors[path].dense, start)
    inherits.click()
    assert session.recipe == wide
    scope.close()


def test_a_third_partys_method_appears_by_itself(session, monkeypatch, capsys):
    @dataclass(frozen=True)
    class Halved(TensorStep):
        name: ClassVar[str] = "halved"
        phase: ClassVar[int] = 10
        share: float = knob(0.5, low=0.0, high=1.0)
        times: int = knob(1, low=1, high=3)
        which: str = knob("first", choices=("first", "last"))

        def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
            del site
            return tensor.masked(np.zeros(tensor.dense.shape, np.bool_))

    monkeypatch.setitem(steps._entries, "halved", Halved)
    scope = Scope(session, None)  # type: ignore[arg-type]
    panel = Panel(methods(scope))
    panel.tick("halved").value = True
    assert session.before.network.sparsity == 1.0
    panel.control("halved", "share").value = 0.25
    panel.control("halved", "times").value = 2
    panel.control("halved", "which").value = "last"
    values = wide_knobs(session.recipe, "halved")
    assert values == {"share": 0.25, "times": 2, "which": "last"}
    assert panel.tick("halved").description == "halved"
    assert summary(session.recipe, "en") == "halved 25.0%"
    assert main(["compress", "--help"]) == 0
    assert "--halved-share" in capsys.readouterr().out
    session.edit(Recipe())
    scope.close()
