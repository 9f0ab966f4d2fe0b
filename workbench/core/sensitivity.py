"""A sensitivity scan: what the score loses where one kernel alone is compressed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.edit import set_knobs
from workbench.core.errors import UserError
from workbench.core.recipe import Recipe
from workbench.core.step import steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from workbench.core.measurement import MetricInfo
    from workbench.core.tensor import Site

# What is tried, by knob: of which step it is, and its levels, the mildest first.
STEPS: Mapping[str, str] = MappingProxyType(
    {"sparsity": "magnitude", "bits": "uniform"}
)
LEVELS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "sparsity": (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98),
        "bits": (10, 8, 7, 6, 5, 4, 3, 2),
    }
)

_POINTS = 100


@dataclass(frozen=True, eq=False)
class Scan:
    """What is known so far.

    Attributes:
        knob: What is tried, of `LEVELS`.
        paths: Addresses of the kernels, in model order.
        changes: The score minus the original's on all test samples, by path and level,
            in units of the score.
    """

    knob: str
    paths: tuple[str, ...]
    changes: Mapping[tuple[str, float], float]

    @classmethod
    def of(cls, knob: str, sites: Iterable[Site]) -> Scan:
        """A scan that is to be done: of every kernel that can be treated so.

        Args:
            knob: ``sparsity`` or ``bits``.
            sites: The model's kernels.

        Raises:
            UserError: If it is another knob.
        """
        if knob not in LEVELS:
            known = ", ".join(LEVELS)
            raise UserError("knob.choice", name="scan", choices=known, received=knob)
        step = steps[STEPS[knob]]()
        treated = (site for site in sites if site.can and not step.refuses(site))
        return cls(knob, tuple(site.path for site in treated), {})

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of each kernel, the mildest first."""
        return LEVELS[self.knob]

    @property
    def done(self) -> float:
        """Fraction that is known, 0 to 1."""
        return len(self.changes) / max(len(self.paths) * len(self.levels), 1)

    @property
    def changes_by_kernel(self) -> NDArray[np.float64]:
        """The changes, (kernels, levels); NaN where they are not known yet."""
        rows = [
            [self.changes.get((path, level), np.nan) for level in self.levels]
            for path in self.paths
        ]
        return np.array(rows, np.float64).reshape(len(self.paths), len(self.levels))

    @property
    def level_names(self) -> list[str]:
        """The levels as they are read: shares in percent, bits as they are."""
        form = "{:.0%}" if self.knob == "sparsity" else "{:.0f}"
        return [form.format(level) for level in self.levels]

    def losses(self, metric: MetricInfo | None) -> NDArray[np.float64]:
        """What is lost, (kernels, levels): points of accuracy, else units of the score.

        It is negative where a kernel gains, and NaN where nothing is known yet.

        Args:
            metric: What the score means; None for accuracy.
        """
        unit = _POINTS if metric is None or metric.is_accuracy else 1
        is_more_better = metric is None or metric.higher_is_better
        return (-unit if is_more_better else unit) * self.changes_by_kernel

    def recipes(self) -> Iterator[tuple[str, float, Recipe]]:
        """Path, level, and the recipe that compresses this kernel alone, plainly."""
        for path in self.paths:
            for level in self.levels:
                alone = set_knobs(
                    Recipe(), STEPS[self.knob], path, **{self.knob: level}
                )
                yield path, level, alone

    def with_change(self, path: str, level: float, change: float) -> Scan:
        """The same with one more change known."""
        return replace(self, changes={**self.changes, (path, level): change})
