"""What the lanes do when a session opens: load, measure, check, calibrate, bin.

As all `workbench.jobs`, these are generators of deliveries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.bins import tensor_bins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.lanes import Delivery, Task
    from workbench.session import Session


def opening(session: Session, task: Task) -> Iterator[Delivery]:
    """Open model and data, measure the original, check it, calibrate."""
    try:
        yield from _opening(session, task)
    finally:
        # However it ends: what it did not bring is not waited for any more.
        session.lanes.post(lambda: session.set(is_opening=False))


def _opening(session: Session, task: Task) -> Iterator[Delivery]:
    yield session.saying("session.loading_tensorflow")
    from workbench.engine.calibrator import Calibrator
    from workbench.engine.check import check
    from workbench.engine.evaluator import Evaluator
    from workbench.engine.workload import open_workload

    workload = open_workload(session.model, session.data, **session.options)
    evaluator = None if workload.data.test is None else Evaluator(workload)
    yield lambda: session.opened(workload, evaluator)
    if evaluator is not None:
        yield session.saying("session.measuring_original")
        original = evaluator.original()
        findings = check(workload, original)
        yield lambda: session.set(original=original, findings=findings)
        yield session.preview
    if workload.data.train is not None:
        yield session.saying("session.calibrating")
        calibrator = Calibrator(workload)
        for _ in calibrator.run(seed=session.recipe.seed):
            if task.is_cancelled:
                break
        else:
            yield lambda: session.calibrated(calibrator.seen)
            yield from _seeing(session, task)
    yield session.saying("")


def _seeing(session: Session, task: Task) -> Iterator[Delivery]:
    """Find out what every kernel sees, for the repairs."""
    from workbench.engine.moments import MomentCalibrator

    moments = MomentCalibrator(session.workload)
    for _ in moments.run(seed=session.recipe.seed):
        if task.is_cancelled:
            return
    yield lambda: session.repairable(moments.sites)


def binning(session: Session) -> Iterator[Delivery]:
    """Bin every kernel's weights for the browser."""
    axes = {site.path: site.channel_axes for site in session.sites}
    bins = {
        path: tensor_bins(values, axes[path])
        for path, values in session.weights.items()
        if values.size
    }
    yield lambda: session.set(bins=bins)
