"""What runs in the browser: ES modules, one stylesheet and the Voilà template.

There is no build step. A widget's module is one text, so `module` writes the files
it imports in front of it, each once; served as files, the same modules import one
another, which is how their tests load them.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path

FOLDER = Path(__file__).parent
TEMPLATE = FOLDER / "voila" / "templates" / "workbench"
# Set for the kernels of a page that loads plotly.js by itself.
HAS_PLOTLY_VARIABLE = "WORKBENCH_PAGE_HAS_PLOTLY"

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(async )?function|const|class)", re.MULTILINE)


@cache
def module(name: str) -> str:
    """A module and everything it imports, as one ES module.

    Only `import {names} from "./file.js";` is understood, and every top-level name
    is unique over the files.

    Args:
        name: File name in this folder, such as ``live_figure.js``.
    """
    order: list[str] = []
    _collect(name, order)
    parts = [_IMPORT.sub("", _read(part)) for part in order]
    return "\n".join([*(_EXPORT.sub("", part) for part in parts[:-1]), parts[-1]])


def plotly_source() -> Path:
    """The plotly.js of the plotly package."""
    return Path(str(files("plotly"))) / "package_data" / "plotly.min.js"


@cache
def stylesheet() -> str:
    """The design tokens and layout classes."""
    return _read("workbench.css")


def _collect(name: str, order: list[str]) -> None:
    for imported in _IMPORT.findall(_read(name)):
        if imported not in order:
            _collect(imported, order)
    order.append(name)


def _read(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")
