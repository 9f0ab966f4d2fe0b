"""What every page needs once, whatever it shows: plotly.js and the stylesheet.

Both are widgets without a view. Their state reaches a page when they are made, and
again from the kernel when a page is opened or reloaded, in Voilà and JupyterLab
alike; so nothing is fetched from anywhere and nothing is sent twice. The dashboard's
own page loads plotly.js by itself, while the kernel starts.
"""

from __future__ import annotations

import gzip
from functools import cache
from typing import TYPE_CHECKING

import traitlets
from anywidget import AnyWidget

from workbench.frontend import module, plotly_source, stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable

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


_brought: dict[str, AnyWidget] = {}


def bring_stylesheet() -> AnyWidget:
    """The stylesheet of this kernel's pages; made where there is none."""
    return _once("stylesheet", Stylesheet)


def bring_plotly() -> AnyWidget:
    """The plotly.js of this kernel's pages; made where there is none."""
    return _once("plotly", lambda: PlotlySource(script=_packed_plotly()))


def _once(name: str, make: Callable[[], AnyWidget]) -> AnyWidget:
    if name not in _brought or _brought[name].comm is None:
        _brought[name] = make()
    return _brought[name]


@cache
def _packed_plotly() -> bytes:
    return gzip.compress(plotly_source().read_bytes(), compresslevel=1, mtime=0)
