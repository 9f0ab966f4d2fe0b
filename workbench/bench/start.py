"""How long it takes from nothing to a chart: import, first chart, first accuracy."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from statistics import median
from typing import TYPE_CHECKING

from workbench.bench.benchmark import Result, benchmarks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.bench.benchmark import Say

REPEATS = 5
LONGEST_S = 180

_IMPORT = """
import sys, time
began = time.perf_counter()
import workbench
print(time.perf_counter() - began)
print(sum(name in sys.modules for name in ("tensorflow", "keras", "plotly")))
"""
# What a notebook's cell does; the charts' own observers come before these.
_CELL = """
import workbench
view = workbench.dashboard("cnn")
def say(name):
    def told(change):
        if change.new is not None:
            print(name, flush=True)
            view.session.unobserve(told, change.name)
    return told
for trait, name in (("before", "chart"), ("original", "accuracy")):
    if getattr(view.session, trait) is None:
        view.session.observe(say(name), trait)
    else:
        print(name, flush=True)
"""


@benchmarks.add("start")
def start(say: Say) -> Iterator[Result]:
    """Measure in fresh processes, the dashboard in a kernel of Jupyter."""
    say("import")
    seconds, heavy = zip(*(_imported() for _ in range(REPEATS)), strict=True)
    yield Result("import_seconds", median(seconds), 0.3, "s")
    yield Result("import_of_heavy_libraries", max(heavy), 0, "libraries")
    say("kernel")
    seen = _kernel()
    yield Result("first_chart_seconds", seen["chart"], 3.0, "s")
    yield Result("first_accuracy_seconds", seen["accuracy"], 10.0, "s")


def _imported() -> tuple[float, int]:
    """Seconds to import the package, and how many heavy libraries came along."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True
    )
    seconds, heavy = done.stdout.split()
    return float(seconds), int(heavy)


def _kernel() -> dict[str, float]:
    """Seconds from the start of a kernel to each thing on the screen."""
    from jupyter_client.manager import start_new_kernel

    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        manager, client = start_new_kernel(
            env=os.environ | {"WORKBENCH_HOME": home}, stderr=subprocess.DEVNULL
        )
        try:
            client.execute(_CELL)
            seen: dict[str, float] = {}
            while len(seen) < len(("chart", "accuracy")):
                message = client.get_iopub_msg(timeout=LONGEST_S)
                text = message["content"].get("text", "")
                for name in ("chart", "accuracy"):
                    if name in text:
                        seen.setdefault(name, time.perf_counter() - began)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    return seen
