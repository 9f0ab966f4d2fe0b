"""A Plotly chart that follows the session.

plotly's own FigureWidget sends 5 MB of JavaScript for each chart, and loses on a
page's reload what was drawn after it was made. `LiveFigure` takes whole figures as
Plotly JSON, draws the newest, and shares one plotly.js per page.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
import traitlets
from anywidget import AnyWidget

from workbench.frontend import HAS_PLOTLY_VARIABLE, module
from workbench.panels.assets import bring_plotly, bring_stylesheet
from workbench.text import say

if TYPE_CHECKING:
    from collections.abc import Callable


_PLOTLY_TYPES = frozenset(("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"))


def pack(value: Any) -> Any:
    """Plotly JSON with every NumPy array as a binary buffer.

    Integers of 64 bits, which plotly.js does not know, become float64; arrays of
    anything but numbers, and of more than two axes, become lists.
    """
    if isinstance(value, dict):
        return {key: pack(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [pack(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return _packed_array(value)
    return value


def _packed_array(array: np.ndarray[Any, Any]) -> Any:
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2):
        return array.tolist()
    dtype = array.dtype.str[1:] if array.dtype.str[1:] in _PLOTLY_TYPES else "f8"
    little = np.ascontiguousarray(array, f"<{dtype}")
    return {"dtype": dtype, "shape": list(array.shape), "bytes": little.tobytes()}


class LiveFigure(AnyWidget):
    """One chart.

    Colours in the figure are CSS variables, ``var(--wb-before)``; they are resolved
    in the page, again when its theme changes. Background, grid and font follow the
    theme unless the figure sets them. Points with ``customdata`` can be chosen, with
    the pointer or with arrow keys and Enter.

    Attributes:
        figure: Plotly JSON, ``{"data": [...], "layout": {...}}``, optionally with
            ``"config"``; setting it draws. NumPy arrays travel as binary buffers.
        stale: Dims the chart and shows `stale_text`: a newer one is being computed.
        stale_text: Words of the mark; follows `lang`.
        alt: What the chart shows, in words, for who cannot see it.
        height: Pixels; 0 leaves it to the stylesheet.
        lang: Language of numbers and of the mark, ``en`` or ``zh``.
    """

    _esm = module("live_figure.js")

    figure = traitlets.Dict().tag(sync=True, to_json=lambda value, _: pack(value))
    stale = traitlets.Bool(default_value=False).tag(sync=True)
    stale_text = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(0, min=0).tag(sync=True)
    lang = traitlets.Unicode("en").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        """Set the traits, and see that the page has what a chart needs."""
        bring_stylesheet()
        if HAS_PLOTLY_VARIABLE not in os.environ:
            bring_plotly()
        super().__init__(**traits)
        self._callbacks = ipywidgets.CallbackDispatcher()
        self._drawn = ipywidgets.CallbackDispatcher()
        self.on_msg(self._receive)

    @traitlets.default("stale_text")
    def _stale_text_in_lang(self) -> str:
        return say("serve.stale", self.lang)

    @traitlets.observe("lang")
    def _translate(self, _: object) -> None:
        self.stale_text = say("serve.stale", self.lang)

    def show(self, figure: dict[str, Any], lang: str) -> None:
        """Draw a figure in a language, as one change."""
        with self.hold_sync():
            self.lang = lang
            self.figure = figure

    def on_click(
        self, callback: Callable[[Any], None], *, remove: bool = False
    ) -> None:
        """Call ``callback(customdata)`` when a point is chosen.

        Args:
            callback: Takes the point's ``customdata``; may run on another thread
                than the main one.
            remove: Stop calling it instead.
        """
        self._callbacks.register_callback(callback, remove=remove)

    def on_drawn(self, callback: Callable[[], None]) -> None:
        """Call ``callback()`` when a page has drawn it first and come to rest."""
        self._drawn.register_callback(callback)

    def _receive(self, _widget: object, content: dict[str, Any], _: object) -> None:
        if content.get("event") == "click":
            self._callbacks(content["customdata"])
        elif content.get("event") == "drawn":
            self._drawn()
