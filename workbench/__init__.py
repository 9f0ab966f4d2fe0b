"""Compression Workbench: from a trained Keras network to a smaller one, by hand.

The public names load on first use, so that ``import workbench`` stays fast and
imports neither TensorFlow nor Plotly:

    import workbench

    session = workbench.Session(...)      # one model, its data, one recipe
    workbench.dashboard(model, data)      # the same with sliders, in a notebook
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench import demo
    from workbench.app import dashboard
    from workbench.core.recipe import Recipe
    from workbench.session import Session
    from workbench.text import say

__version__ = version("compression-workbench")
__all__ = ["Recipe", "Session", "__version__", "dashboard", "demo", "say"]

_HOMES = {
    "Recipe": "workbench.core.recipe",
    "Session": "workbench.session",
    "dashboard": "workbench.app",
    "say": "workbench.text",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    if name == "demo":
        return import_module("workbench.demo")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the lazy names beside those already loaded."""
    return sorted({*globals(), *__all__})
