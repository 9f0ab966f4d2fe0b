"""What every page needs once, whatever it shows: plotly.js and the stylesheet.

Both are widgets without a view. Their state reaches a page when they are made, and
again from the kernel when a page is opened or reloaded, in Voilà and JupyterLab
alike; so nothing is fetched from anywhere and nothing is sent twice.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files
from typing import TypeVar

import traitlets
from anywidget import AnyWidget

from workbench.frontend import module, stylesheet

_NO_MODULE = "export default {};"


class Stylesheet(AnyWidget):
    """Brings ``frontend/workbench.css`` to the page."""

    _esm = _NO_MODULE
    _css = stylesheet()


class PlotlySource(AnyWidget):
    """Brings plotly.js, the file in the plotly package, to the page.

    Attributes:
        script: Gzipped source, about 1.7 MB.
    """

    _esm = module("plotly_source.js")
    script = traitlets.Bytes().tag(sync=True)


_Asset = TypeVar("_Asset", bound=AnyWidget)
_delivered: dict[type[AnyWidget], AnyWidget] = {}


def bring_stylesheet() -> None:
    """Make sure that this kernel's pages have the stylesheet."""
    if not _is_open(Stylesheet):
        _delivered[Stylesheet] = Stylesheet()


def bring_plotly() -> None:
    """Make sure that this kernel's pages have plotly.js."""
    if not _is_open(PlotlySource):
        _delivered[PlotlySource] = PlotlySource(script=_packed_plotly())


def _is_open(kind: type[_Asset]) -> bool:
    widget = _delivered.get(kind)
    return widget is not None and widget.comm is not None


@cache
def _packed_plotly() -> bytes:
    source = files("plotly") / "package_data" / "plotly.min.js"
    return gzip.compress(source.read_bytes(), compresslevel=1, mtime=0)
