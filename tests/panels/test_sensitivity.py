"""The drawer of the sensitivity scan: what starts it, and what it shows."""

import ipywidgets
import numpy as np

from tests.chain.models import case
from workbench.panels.live_figure import LiveFigure
from workbench.panels.scope import Scope
from workbench.panels.sensitivity import sensitivity
from workbench.session import Session


def test_a_button_scans_and_the_chart_follows(session):
    scope = Scope(session, None)  # type: ignore[arg-type]
    drawer = sensitivity(scope, ipywidgets.ToggleButton(value=True))
    assert isinstance(drawer, ipywidgets.VBox)
    _, buttons, chart = drawer.children
    assert isinstance(chart, LiveFigure)
    assert not chart.figure["data"]
    sparsities, bits, stop = buttons.children
    assert not sparsities.disabled
    assert stop.disabled
    bits.click()
    (cells,) = chart.figure["data"]
    assert cells["x"] == ["10", "8", "7", "6", "5", "4", "3", "2"]
    assert cells["y"] == list(session.scan.paths)
    assert np.isfinite(cells["z"]).all()
    assert not bits.disabled
    scope.close()


def test_without_a_score_nothing_can_be_started():
    session = Session(case("dense").model, is_kept=False)
    scope = Scope(session, None)  # type: ignore[arg-type]
    drawer = sensitivity(scope, ipywidgets.ToggleButton())
    assert isinstance(drawer, ipywidgets.VBox)
    buttons = drawer.children[1]
    assert [button.disabled for button in buttons.children] == [True] * 3
    scope.close()
    session.close()
