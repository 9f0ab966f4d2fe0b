"""What a screen keeps and lets go of: languages, demos, its end."""

import asyncio
import gc
import threading
import weakref

import comm
import ipywidgets
import numpy as np
import pytest
from ipywidgets.widgets import widget as registry

from tests.chain.models import case
from tests.panels.support import tree
from workbench.app import Dashboard
from workbench.core.edit import set_knobs
from workbench.core.presets import MISTAKES
from workbench.frontend import HAS_PLOTLY_VARIABLE
from workbench.panels.assets import PlotlySource, bring_plotly, bring_stylesheet


@pytest.fixture(scope="module")
def dense():
    return case("dense")


@pytest.fixture
def screen(dense):
    shown = Dashboard(dense.model, dense.data, is_kept=False)
    yield shown
    shown.close()


def held():
    """Widgets that ipywidgets holds, and connections to a page."""
    return len(registry._instances), len(comm.get_comm_manager().comms)


def classes(widget):
    return getattr(widget, "_dom_classes", ())


def labelled(screen, key):
    words = screen._scope.say(key)
    return next(w for w in tree(screen) if getattr(w, "description", "") == words)


def open_all(screen):
    """Press every button that opens something."""
    for widget in list(tree(screen)):
        if isinstance(widget, ipywidgets.ToggleButton):
            widget.value = True


def test_what_is_closed_is_made_when_it_is_opened_first(screen):
    before = len(list(tree(screen)))
    open_all(screen)
    opened = list(tree(screen))
    assert len(opened) > 2 * before
    for pressed in (False, True):
        labelled(screen, "screen.drawer.methods").value = pressed
        labelled(screen, "screen.save").value = pressed
    assert list(tree(screen)) == opened


def test_a_page_of_its_own_brings_plotly(dense, monkeypatch):
    monkeypatch.setenv(HAS_PLOTLY_VARIABLE, "1")
    bring_plotly().close()

    def sources():
        return sum(isinstance(w, PlotlySource) for w in registry._instances.values())

    before = sources()
    shown = Dashboard(dense.model, dense.data, is_kept=False)
    assert sources() == before
    shown.close()


def test_what_takes_long_waits_until_the_page_has_drawn(dense):
    async def scene():
        shown = Dashboard(dense.model, dense.data, is_kept=False, patience_s=60)
        session = shown.session
        [chart] = [w for w in tree(shown) if "wb-tradeoff" in classes(w)]
        # A preview lane would have binned by then.
        await asyncio.sleep(1)
        waiting = session.workload, dict(session.bins)
        chart._handle_custom_msg({"event": "drawn"}, [])
        while session.workload is None or not session.bins:
            await asyncio.sleep(0.01)
        shown.close()
        return waiting

    assert asyncio.run(asyncio.wait_for(scene(), 60)) == (None, {})


def test_a_page_that_never_draws_is_not_waited_for(dense):
    async def scene():
        shown = Dashboard(dense.model, dense.data, is_kept=False, patience_s=0.2)
        while not shown.session.is_calibrated:
            await asyncio.sleep(0.01)
        shown.close()
        left = Dashboard(dense.model, dense.data, is_kept=False, patience_s=1000)
        left.close()

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_twenty_languages_leave_no_widget_behind(screen):
    before = held()
    for lang in 10 * ("zh", "en"):
        screen.session.set(lang=lang)
    assert held() == before


def test_a_selection_and_its_bins_leave_no_widget_behind(screen):
    before = held()
    for path in (screen.session.sites[0].path, screen.session.sites[1].path):
        screen.session.select([path])
        screen.session.set(bins=dict(screen.session.bins))
    assert held() == before


def said(screen):
    """All that a screen says, in order."""
    names = ("description", "tooltip", "value", "options", "columns", "rows", "words")
    names += ("alt", "lang", "stale_text", "select_text")
    return [
        (type(widget).__name__, name, getattr(widget, name))
        for widget in tree(screen)
        for name in names
        if hasattr(widget, name)
    ]


def test_another_language_says_what_a_new_screen_would(screen, dense):
    fresh = Dashboard(dense.model, dense.data, lang="zh", is_kept=False)
    open_all(screen)
    open_all(fresh)
    screen.session.set(lang="zh")
    assert said(screen) == said(fresh)
    fresh.close()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("screen.folder", "elsewhere"),
        ("screen.force", True),
        ("screen.format.tflite-int8", True),
        ("screen.format.keras", False),
        ("knob.retraining.epochs", 3),
    ],
)
def test_what_was_typed_outlives_a_language(screen, key, value):
    open_all(screen)
    labelled(screen, key).value = value
    screen.session.set(lang="zh")
    assert labelled(screen, key).value == value
    screen.session.set(lang="en")
    assert labelled(screen, key).value == value


@pytest.mark.parametrize("key", ["screen.drawer.formula", "screen.save"])
def test_what_was_opened_outlives_a_language(screen, key):
    labelled(screen, key).value = True
    screen.session.set(lang="zh")
    assert labelled(screen, key).value


def test_a_recipe_that_is_being_written_outlives_a_language(screen):
    def area():
        return next(w for w in tree(screen) if isinstance(w, ipywidgets.Textarea))

    open_all(screen)
    area().value = "version: 1\nplans: ["
    screen.session.set(lang="zh")
    assert area().value == "version: 1\nplans: ["


def test_a_loaded_mistake_and_its_warning_outlive_a_language(screen):
    def picker():
        [found] = [
            w
            for w in tree(screen)
            if isinstance(w, ipywidgets.Dropdown) and "one_scale" in _values(w)
        ]
        return found

    picker().value = "one_scale"
    assert screen.session.recipe.plans == MISTAKES["one_scale"].plans
    screen.session.set(lang="zh")
    assert picker().value == "one_scale"
    help_text = screen._scope.help("preset.one_scale")
    assert help_text in [getattr(w, "value", "") for w in tree(screen)]
    assert len(screen.session._timeline.past) == 1


def _values(dropdown):
    return [value for _, value in dropdown.options]


def test_the_end_leaves_no_widget_thread_or_session(dense):
    async def scene():
        bring_stylesheet()
        bring_plotly()  # Both stay for the kernel's life.
        before = held()
        shown = Dashboard(dense.model, dense.data, is_kept=False)
        session = weakref.ref(shown.session)
        while not shown.session.is_calibrated:
            await asyncio.sleep(0.01)
        shown.close()
        shown.close()
        del shown
        await asyncio.sleep(0.1)
        gc.collect()
        left = [t for t in threading.enumerate() if t.name.startswith("workbench")]
        return before, held(), left, session()

    before, after, left, session = asyncio.run(scene())
    assert after == before
    assert left == []
    assert session is None


def test_a_failed_opening_waits_for_nothing(dense, tmp_path):
    path = tmp_path / "model.keras"
    dense.model.save(path)
    wrong = tmp_path / "data.npz"
    np.savez(wrong, x_test=np.zeros((4, 99), np.float32), y_test=np.zeros(4))

    async def scene():
        shown = Dashboard(path, wrong, is_kept=False)
        while shown.session.is_opening:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        [verdict] = [w for w in tree(shown) if "wb-verdict" in classes(w)]
        text = verdict.children[0].value
        is_stale = shown.session.snapshot().is_stale
        error = shown.session.status
        shown.close()
        return text, is_stale, error

    text, is_stale, error = asyncio.run(asyncio.wait_for(scene(), 60))
    assert error.is_error
    assert "not measured" in text
    assert "measuring" not in text
    assert not is_stale


def test_weights_are_stale_for_a_new_wish_alone(screen):
    figures = {w.alt: w for w in tree(screen) if hasattr(w, "stale")}
    histogram = figures[screen._scope.say("screen.alt.weights")]
    assert not histogram.stale
    recipe = set_knobs(screen.session.recipe, "magnitude", sparsity=0.5)
    screen.session.set(recipe=recipe)
    assert histogram.stale
