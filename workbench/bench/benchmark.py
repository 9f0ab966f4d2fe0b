"""What a benchmark is, and the registry of them."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.core.registry import Registry
from workbench.core.resolved import installed

_PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "numba")


@dataclass(frozen=True)
class Result:
    """One measured promise.

    Attributes:
        name: Such as ``import_seconds``.
        value: What was measured.
        target: What was promised.
        unit: Unit of both.
        is_limit: Whether the value may be at most the target; else it must be at least.
    """

    name: str
    value: float
    target: float
    unit: str
    is_limit: bool = True

    @property
    def holds(self) -> bool:
        """Whether the promise is kept; never by a number that is none."""
        if self.is_limit:
            return self.value <= self.target
        return self.value >= self.target

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "value": self.value,
            "target": self.target,
            "unit": self.unit,
            "at": "most" if self.is_limit else "least",
            "holds": self.holds,
        }


Say = Callable[[str], None]
Benchmark = Callable[[Say], Iterator[Result]]
benchmarks: Registry[Benchmark] = Registry("workbench.bench", "benchmark")


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    return found | {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": installed(_PACKAGES),
    }


def _processor() -> str:
    """The processor's name, from Linux where it is that."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(names, platform.processor())
