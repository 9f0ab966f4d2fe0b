"""IPython's kernel for a page, which nobody debugs.

The debugger takes a quarter of a kernel's start.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

if __name__ == "__main__":
    # As ipykernel's own launcher: no file of the working folder stands in for a module.
    if Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    # Python takes it for a module that cannot be imported.
    cast("dict[str, Any]", sys.modules)["debugpy"] = None
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()
