"""Charts: a frozen snapshot in, numbers out, Plotly JSON out.

Each file has two functions: one that computes the numbers, one that draws them. A new
chart is a new file that registers itself with ``@charts.add(name)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.core.registry import Registry
from workbench.core.snapshot import Snapshot

PlotlyJSON = dict[str, Any]
Chart = Callable[[Snapshot], PlotlyJSON]

charts: Registry[Chart] = Registry("workbench.charts", "chart")
