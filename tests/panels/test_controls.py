"""A hand's move counts; what the page rounds or repeats does not."""

import ipywidgets
import pytest

from workbench.panels.controls import Control


@pytest.fixture
def moves():
    return []


@pytest.fixture
def control(moves):
    widget = ipywidgets.FloatSlider(min=0, max=1, step=0.001)
    made = Control(widget, moves.append)
    made.describe("Sparsity", "help")
    return made


def test_showing_is_no_move_and_a_move_is(control, moves):
    control.show(0.5)
    assert moves == []
    control.widget.value = 0.7
    assert moves == [0.7]


def test_a_value_rounded_by_the_page_is_no_move(control, moves):
    control.show(0.37412)
    control.widget.value = 0.374
    assert moves == []


def test_a_late_echo_is_no_move(control, moves):
    control.show(0.37412)
    control.show(0.0)
    control.widget.value = 0.374
    assert moves == []


def test_a_hand_may_go_back_to_where_it_was(control, moves):
    for value in (0.5, 0.6, 0.5, 0.501):
        control.widget.value = value
        control.show(value)
    assert moves == [0.5, 0.6, 0.5, 0.501]


def test_a_disabled_control_says_why(control):
    control.enable(is_enabled=False, reason="no data")
    assert control.widget.disabled
    assert control.widget.tooltip == "no data"
    control.enable(is_enabled=True)
    assert control.widget.tooltip == "help"
