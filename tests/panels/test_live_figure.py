"""The chart widget's kernel side."""

from __future__ import annotations

import gzip

import numpy as np
import plotly.graph_objects as go
import pytest

from workbench.panels.assets import bring_plotly, bring_stylesheet
from workbench.panels.live_figure import LiveFigure, pack


def test_arrays_travel_as_buffers() -> None:
    packed = pack({"data": [{"x": np.arange(3), "y": np.array([0.5, 1], np.float32)}]})
    x, y = packed["data"][0]["x"], packed["data"][0]["y"]
    assert (x["dtype"], x["shape"]) == ("f8", [3])
    assert np.frombuffer(x["bytes"], "<f8").tolist() == [0, 1, 2]
    assert (y["dtype"], np.frombuffer(y["bytes"], "<f4").tolist()) == ("f4", [0.5, 1])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(2), 2.0),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([True, False]), [True, False]),
        (np.zeros((1, 1, 2)), [[[0.0, 0.0]]]),
        ((1, None, "x"), [1, None, "x"]),
    ],
)
def test_other_values_are_plain_json(value: object, expected: object) -> None:
    assert pack(value) == expected


def test_half_floats_and_big_endian_arrays_are_read_alike() -> None:
    for dtype in ("f2", ">f4", ">i8"):
        packed = pack(np.array([1, 2], dtype))
        assert np.frombuffer(packed["bytes"], f"<{packed['dtype']}").tolist() == [1, 2]


def test_charts_share_one_source_and_stylesheet() -> None:
    before = bring_plotly(), bring_stylesheet()
    charts = [LiveFigure(), LiveFigure()]
    assert (bring_plotly(), bring_stylesheet()) == before
    script = before[0].get_state("script")["script"]
    assert b"plotly.js v" in gzip.decompress(script)[:100]
    assert len(script) < 2_000_000
    assert all(len(str(chart.get_state())) < 20_000 for chart in charts)


def test_a_closed_source_is_made_again() -> None:
    closed = bring_plotly()
    closed.close()
    LiveFigure()
    assert bring_plotly() is not closed
    assert bring_plotly().comm is not None


def test_a_click_reaches_the_callback_until_it_is_removed() -> None:
    chart = LiveFigure()
    chosen: list[object] = []
    chart.on_click(chosen.append)
    chart._handle_custom_msg({"event": "click", "customdata": [3]}, [])
    chart.on_click(chosen.append, remove=True)
    chart._handle_custom_msg({"event": "click", "customdata": [4]}, [])
    assert chosen == [[3]]


def test_the_mark_speaks_the_language() -> None:
    chart = LiveFigure()
    assert chart.stale_text == "being updated"
    chart.lang = "zh"
    assert chart.stale_text == "正在更新"


def test_colour_variables_are_plotly_colours() -> None:
    go.Figure(data=[{"type": "bar", "y": [1], "marker": {"color": "var(--wb-before)"}}])
