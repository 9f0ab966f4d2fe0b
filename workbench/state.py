"""What a session holds: traits that charts and panels follow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from workbench.core.recipe import Recipe
from workbench.core.snapshot import Outcome, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from workbench.core.cost import Sizes


@dataclass(frozen=True)
class Status:
    """What the status line says.

    Attributes:
        key: Text key of the sentence; empty for nothing to say.
        values: Its placeholders, as pairs.
        is_error: Whether something went wrong; the last good charts stay.
        detail: Traceback of a mistake of ours, shown folded; empty otherwise.
    """

    key: str = ""
    values: tuple[tuple[str, Any], ...] = ()
    is_error: bool = False
    detail: str = ""


class State(traitlets.HasTraits):
    """The traits of a session; they are written on the event loop alone.

    Attributes:
        workload: The opened `workbench.engine.workload.Workload`; None until it is.
        sites: The model's kernels, `workbench.core.tensor.Site`.
        weights: Their original values by path, float32.
        bins: Their `TensorBins` by path, for the browser; empty until computed.
        recipe: What the user wishes for.
        selection: Paths of the selected kernels; empty means all.
        budget: Bytes to stay below; None for no budget.
        view: Names of the hidden controls under ``hide``.
        lang: Language of the texts.
        original: The original's `Measurement`; None until measured.
        before: The `Outcome` without retraining.
        after: The `Outcome` of the last retraining.
        retrained: The last `Retrained` network.
        progress: `Progress` reports of the running or last retraining, without its
            weights.
        is_opening: Whether model and data are still being opened and measured.
        is_retraining: Whether one runs or waits.
        is_surveying: Whether the levels of all kernels are being tried, or soon.
        is_scanning: Whether kernels are being tried alone, or soon.
        scan: What came of the last such `Scan`; None without one.
        database: Those levels, a `Database`; None until they were tried.
        decision: The last `Decision` of a wish over all tensors; None without one.
        is_calibrated: Whether ranges of activations are known.
        history: Every `Visit`.
        findings: What the check of the baseline found.
        saved: What the last save wrote.
        status: The status line.
    """

    workload = traitlets.Any(None)
    sites: Any = traitlets.Tuple()
    weights = traitlets.Dict()
    bins = traitlets.Dict()
    recipe = traitlets.Instance(Recipe, ())
    selection: Any = traitlets.Tuple()
    budget = traitlets.Float(None, allow_none=True)
    view = traitlets.Dict()
    lang = traitlets.Unicode("en")
    original = traitlets.Any(None)
    before: Any = traitlets.Any(None)
    after: Any = traitlets.Any(None)
    retrained = traitlets.Any(None)
    progress: Any = traitlets.Tuple()
    is_opening = traitlets.Bool(default_value=True)
    is_retraining = traitlets.Bool(default_value=False)
    is_surveying = traitlets.Bool(default_value=False)
    is_scanning = traitlets.Bool(default_value=False)
    scan = traitlets.Any(None)
    database = traitlets.Any(None)
    decision = traitlets.Any(None)
    is_calibrated = traitlets.Bool(default_value=False)
    history: Any = traitlets.Tuple()
    findings: Any = traitlets.Tuple()
    saved = traitlets.Any(None)
    status = traitlets.Instance(Status, ())

    original_sizes: Sizes | None = None
    model: Any = None
    data: Any = None

    def set(self, **values: Any) -> None:
        """Write several traits as one change."""
        with self.hold_trait_notifications():
            for name, value in values.items():
                setattr(self, name, value)

    def saying(self, key: str, **values: Any) -> Callable[[], None]:
        """A delivery that sets the status line; an error there stays.

        It stays until the user's next step: what goes on meanwhile is said by charts
        and progress too, the error by nothing else.
        """
        status = Status(key, tuple(values.items()))

        def say() -> None:
            if not self.status.is_error:
                self.status = status

        return say

    @property
    def is_scored(self) -> bool:
        """Whether there is a score, or one to wait for."""
        if self.workload is not None and self.workload.data.test is None:
            return False
        return self.is_opening or self.original is not None

    def result(self) -> Outcome | None:
        """What would be saved now."""
        return self.snapshot().result

    def snapshot(self) -> Snapshot:
        """A frozen view for charts and reports."""
        workload = self.workload
        metric = workload.metric if workload else None
        return Snapshot(
            name=workload.name if workload else Path(str(self.model)).stem,
            sites=self.sites,
            weights=self.weights,
            recipe=self.recipe,
            selection=self.selection,
            original=self.original,
            original_sizes=self.original_sizes,
            before=self.before,
            after=self.after,
            history=self.history,
            progress=self.progress,
            budget=self.budget,
            metric=metric.info if metric else None,
            classes=workload.data.class_names if workload else (),
            labels=_labels(workload),
            lang=self.lang,
            is_scored=self.is_scored,
            scan=self.scan,
        )


def _labels(workload: Any) -> NDArray[np.int64] | None:
    if workload is None or workload.data.test is None or workload.metric is None:
        return None
    return workload.metric.true_classes(workload.data.test.y)
