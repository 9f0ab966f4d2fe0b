"""Three charts, a slider that draws one anew, and what was clicked."""

import ipywidgets as widgets
import numpy as np
from IPython.display import display

from workbench.panels.live_figure import LiveFigure


def figure(factor: float) -> dict:
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "before",
                "x": np.arange(4),
                "y": factor * np.array([1, 3, 2, 4], np.float32),
                "text": ["one", "two", "three", "four"],
                "customdata": ["a", "b", "c", "d"],
                "marker": {"color": "var(--wb-before)", "size": 12},
            }
        ],
        "layout": {"xaxis": {"title": {"text": "step"}}},
    }


charts = [LiveFigure(figure=figure(k), alt=f"chart {k}") for k in (1, 2, 3)]
charts[1].height = 200
factor = widgets.IntSlider(1, 1, 9, description="factor")
stale = widgets.Checkbox(description="stale")
chosen = widgets.Label("nothing")
factor.observe(
    lambda change: charts[0].set_trait("figure", figure(change.new)), "value"
)
stale.observe(lambda change: charts[0].set_trait("stale", change.new), "value")
charts[0].on_click(lambda customdata: chosen.set_trait("value", f"chose {customdata}"))
display(widgets.VBox([factor, stale, chosen, *charts]))
