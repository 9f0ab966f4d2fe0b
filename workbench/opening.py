"""What the lanes do when a session opens: load, measure, check, calibrate, bin.

As all `workbench.jobs`, these are generators of deliveries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core import fused
from workbench.core.bins import TensorBins, tensor_bins
from workbench.core.compress import compress
from workbench.core.cost import Sizes, sizes
from workbench.core.edit import set_knobs
from workbench.core.gates import weights_of, with_gates
from workbench.core.network import array_digest
from workbench.core.recipe import Recipe
from workbench.core.tensor import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from workbench.core.model_file import Glance
    from workbench.engine.workload import Workload
    from workbench.lanes import Delivery, Task
    from workbench.session import Session

# What kernels see of a large model takes several times its weights.
AT_ONCE_BYTES = 2**26
_CHANNELS = 16


@dataclass(frozen=True, eq=False)
class Kernels:
    """A model's kernels, with what takes a while to find out about them.

    Attributes:
        sites: Their places.
        weights: Their values by path, float32.
        digests: Hash of each one's values.
        other_parameters: Number of parameters beside them.
        sizes: What the model takes.
    """

    sites: tuple[Site, ...]
    weights: Mapping[str, NDArray[np.float32]]
    digests: Mapping[str, str]
    other_parameters: int
    sizes: Sizes

    @classmethod
    def seen(cls, first: Glance) -> Kernels:
        """Those of a model's file."""
        digests = {path: array_digest(w) for path, w in first.weights.items()}
        return cls._of(first, digests, first.other_parameters)

    @classmethod
    def of(cls, workload: Workload) -> Kernels:
        """Those of an opened model."""
        others = sum(values.size for values in workload.others.values())
        return cls._of(workload, workload.digests, others)

    @classmethod
    def _of(
        cls, source: Glance | Workload, digests: Mapping[str, str], others: int
    ) -> Kernels:
        untouched = compress(source.sites, source.weights, Recipe(), digests=digests)
        return cls(
            source.sites, source.weights, digests, others, sizes(untouched, others)
        )


def looking(session: Session, first: Glance) -> Iterator[Delivery]:
    """Find out about the kernels that a model's file shows."""
    kernels = Kernels.seen(first)
    yield lambda: session.looked(kernels)


def opening(session: Session, task: Task) -> Iterator[Delivery]:
    """Open model and data, measure the original, check it, calibrate."""
    try:
        yield from _opening(session, task)
    finally:
        # However it ends: what it did not bring is not waited for any more.
        session.lanes.post(lambda: session.set(is_opening=False))


def _opening(session: Session, task: Task) -> Iterator[Delivery]:
    yield session.saying("session.loading_tensorflow")
    session.drawn.wait(session.patience_s)
    session.drawn.set()
    yield session.bin_new
    from workbench.engine.calibrator import Calibrator
    from workbench.engine.check import check
    from workbench.engine.evaluator import Evaluator
    from workbench.engine.give_back import give_back
    from workbench.engine.workload import open_workload

    workload = open_workload(session.model, session.data, **session.options)
    evaluator = None if workload.data.test is None else Evaluator(workload)
    kernels = Kernels.of(workload)
    give_back()
    yield lambda: session.opened(workload, evaluator, kernels)
    if evaluator is not None:
        yield session.saying("session.measuring_original")
        original = evaluator.original()
        yield lambda: session.set(original=original)
        yield session.preview
        findings = check(workload, original)
        yield lambda: session.set(findings=findings)
    give_back()
    if workload.data.train is not None:
        yield session.saying("session.calibrating")
        calibrator = Calibrator(workload)
        for _ in calibrator.run(seed=session.recipe.seed):
            if task.is_cancelled:
                break
        else:
            yield lambda: session.calibrated(calibrator.seen)
            give_back()
            yield from _seeing(session, task, most=AT_ONCE_BYTES)
    yield session.saying("")


def ask(session: Session) -> None:
    """Find out once what the recipe asks for: what kernels see, how the loss hangs."""
    recipe = session.recipe
    if session.waits_to_see and (recipe.has_repairs or recipe.needs_slopes):
        see(session)
    if session.is_seen and not session.is_sloped and recipe.needs_slopes:
        session.is_sloped = True
        session.task = session.lanes.submit(
            "session.sloping", lambda task: sloping(session, task)
        )


def see(session: Session) -> None:
    """Find out what every kernel sees, on the task lane, unless that is known."""
    session.waits_to_see = False
    if not session.is_seen:
        session.task = session.lanes.submit(
            "session.calibrating", lambda task: seeing(session, task)
        )


def seeing(session: Session, task: Task) -> Iterator[Delivery]:
    """Find out what every kernel sees, for the repairs, unless that is known."""
    if session.can_train and not session.is_seen:
        yield session.saying("session.calibrating")
        yield from _seeing(session, task)
        yield session.saying("")


def _seeing(
    session: Session, task: Task, most: int | None = None
) -> Iterator[Delivery]:
    """The same; where it takes more bytes than `most`, once a recipe asks for it."""
    from workbench.engine.give_back import give_back
    from workbench.engine.moments import MomentCalibrator

    moments = MomentCalibrator(session.workload)
    if most is not None and moments.nbytes > most:
        yield lambda: _wait(session)
        return
    for _ in moments.run(seed=session.recipe.seed):
        if task.is_cancelled:
            # The next recipe that asks begins anew.
            yield lambda: setattr(session, "waits_to_see", True)
            return
    sites = moments.sites
    del moments
    give_back()
    yield lambda: session.repairable(sites)


def _wait(session: Session) -> None:
    """Leave it until a recipe asks, which it may do already."""
    session.waits_to_see = True
    ask(session)


def sloping(session: Session, task: Task) -> Iterator[Delivery]:
    """Find out how the loss hangs on every channel, for the choice of those that go."""
    from workbench.engine.give_back import give_back
    from workbench.engine.slopes import SlopeCalibrator

    slopes = SlopeCalibrator(session.workload, session.sites)
    for done in slopes.run(seed=session.recipe.seed):
        if task.is_cancelled:
            return
        yield session.saying("session.sloping", done=f"{done:.0%}")
    give_back()
    yield lambda: session.repairable(slopes.sites)
    yield session.saying("")


def binning(
    session: Session, made: dict[str, TensorBins] | None = None
) -> Iterator[Delivery]:
    """Bin every kernel's and gate's weights for the browser, unless that is done.

    Args:
        session: Whose kernels.
        made: What an interrupted one has made; filled up here.
    """
    if session.bins:
        return
    made = {} if made is None else made
    weights, digests = session.weights, session.digests
    for site in with_gates(session.sites):
        own = weights_of(weights, site)
        if own.size and site.path not in made:
            made[site.path] = tensor_bins(own, site.channel_axes)
            yield _nothing
    # Those of another model may have come meanwhile.
    yield lambda: session.set(bins=made) if session.digests is digests else None
    _rehearse(max((own.size for own in weights.values()), default=0))


def _rehearse(largest: int) -> None:
    """Do once what a drag does: to load what compiles its loops takes over a second."""
    rows = max(min(largest, fused.LARGE) // _CHANNELS, 1)
    values = np.linspace(-1, 1, rows * _CHANNELS, dtype=np.float32)
    site = Site("rehearsal", "dense", (rows, _CHANNELS), (1,))
    weights = {site.path: values.reshape(site.shape)}
    recipe = set_knobs(Recipe(), "magnitude", "*", sparsity=0.5)
    recipe = set_knobs(recipe, "uniform", "*", bits=8)
    sizes(compress((site,), weights, recipe, digests={site.path: ""}), 0)


def _nothing() -> None:
    """A delivery without news: where a newer wish may come in between."""
