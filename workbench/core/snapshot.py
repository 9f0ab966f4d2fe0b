"""A frozen view of a session: all that a chart, a report or a test may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.gates import with_gates

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from workbench.core.cost import Sizes
    from workbench.core.history import Visit
    from workbench.core.measurement import Measurement, MetricInfo, Progress
    from workbench.core.network import Network
    from workbench.core.recipe import Recipe
    from workbench.core.sensitivity import Scan
    from workbench.core.tensor import Site


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of the model under a recipe.

    Attributes:
        recipe: The recipe.
        network: The compressed network.
        sizes: What it takes to store it.
        measurement: Its accuracy; None until the first samples were evaluated.
        is_stale: Whether `measurement` is still that of an earlier recipe.
    """

    recipe: Recipe
    network: Network
    sizes: Sizes
    measurement: Measurement | None = None
    is_stale: bool = False


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A session at one moment.

    Attributes:
        name: Name of the model.
        sites: Its kernels.
        weights: Their original values by path, float32.
        recipe: What is wished for right now.
        selection: Paths of what is selected in the table, gates too; empty means all.
        original: The original's score; None until measured.
        original_sizes: What the original takes.
        before: The outcome without retraining; its recipe may be an earlier one than
            the wish, then it is stale. Its measurement may be that of fewer samples
            than the test set.
        after: The last outcome of a retraining.
        history: Every setting visited.
        progress: Progress of the running or last retraining, one entry a report.
        budget: Bytes that the user wants to stay below; None for no budget.
        metric: What the score means.
        classes: Names of the classes; empty where there are none.
        labels: Class of each test sample, int64; None where there are none.
        lang: Language of the texts.
        is_scored: Whether there is a score, or one to wait for.
        scan: What a sensitivity scan has found so far; None without one.
    """

    name: str
    sites: tuple[Site, ...]
    weights: Mapping[str, NDArray[np.float32]]
    recipe: Recipe
    selection: tuple[str, ...]
    original: Measurement | None
    original_sizes: Sizes | None
    before: Outcome | None
    after: Outcome | None
    history: tuple[Visit, ...]
    progress: tuple[Progress, ...]
    budget: float | None
    metric: MetricInfo | None
    classes: tuple[str, ...]
    labels: NDArray[np.int64] | None
    lang: str
    is_scored: bool = True
    scan: Scan | None = None

    @property
    def is_fraction(self) -> bool:
        """Whether a score is a share, as that of right answers; else any number."""
        return self.metric is None or self.metric.is_accuracy

    @property
    def selected(self) -> tuple[Site, ...]:
        """The selected kernels and gates; all kernels where nothing is selected."""
        if not self.selection:
            return self.sites
        sites = with_gates(self.sites)
        return tuple(site for site in sites if site.path in self.selection)

    @property
    def result(self) -> Outcome | None:
        """What would be saved: after retraining where that is current, else before."""
        return self.before if self.is_after_stale else self.after

    @property
    def is_stale(self) -> bool:
        """Whether `before` belongs to an earlier wish, or waits for its accuracy."""
        before = self.before
        if before is None or before.is_stale:
            return True
        if before.measurement is None and self.is_scored:
            return True
        return before.recipe.plans != self.recipe.plans

    @property
    def is_after_stale(self) -> bool:
        """Whether `after` belongs to another setting than the present wish."""
        return self.after is None or self.after.recipe.plans != self.recipe.plans
