"""A whole result in one folder: the files, the recipe, what was really done, a report.

The folder appears when everything in it is written and has been read back, or not at
all. A format that does not hold the network does not cost the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.core.errors import UserError
from workbench.core.resolved import FILE_NAME as MARK
from workbench.core.resolved import ResolvedRecipe, resolve
from workbench.core.store import publish, write_atomic
from workbench.export.artifact import Artifact, ExportJob, LeftOut, Note, exporters
from workbench.export.report import ReportInput, report
from workbench.export.wbz import predicted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from workbench.core.snapshot import Outcome, Snapshot
    from workbench.engine.workload import Workload

RECIPE = "recipe.yaml"
REPORT = "report.html"


@dataclass(frozen=True, eq=False)
class Bundle:
    """What was written.

    Attributes:
        folder: The folder.
        artifacts: The exporters' files in it.
        network: Digest of the network that they are of.
        left_out: The formats that were asked for and do not hold it.
    """

    folder: Path
    artifacts: tuple[Artifact, ...]
    network: str = ""
    left_out: tuple[LeftOut, ...] = ()


def write_bundle(  # noqa: PLR0913  # what a result is made of, by name
    workload: Workload,
    outcome: Outcome,
    folder: Path,
    formats: Sequence[str],
    *,
    snapshot: Snapshot,
    is_forced: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> Bundle:
    """Write a result.

    Args:
        workload: Where it came from.
        outcome: The recipe, what came of it and its accuracy.
        folder: The folder to make.
        formats: Names of exporters.
        snapshot: The session, for the report and the original's score.
        is_forced: Whether an earlier result is replaced.
        should_stop: Asked between steps of an export.

    Raises:
        UserError: If no format holds the network, or something cannot be written.
        Stopped: Once it should stop.
    """
    network, recipe = outcome.network, outcome.recipe
    resolved = _resolved(workload, outcome)
    with publish(folder, mark=MARK, force=is_forced) as draft:
        job = ExportJob(
            workload, network, recipe, draft, should_stop, snapshot.original
        )
        made = _exported(job, outcome, formats)
        write_atomic(draft / RECIPE, recipe.dumps())
        write_atomic(draft / MARK, resolved.dumps())
        told = _told(workload, outcome, snapshot, resolved, made)
        write_atomic(draft / REPORT, report(told, snapshot.lang))
    moved = (replace(one, path=folder / one.path.name) for one in made.artifacts)
    return replace(made, folder=folder, artifacts=tuple(moved))


def _exported(job: ExportJob, outcome: Outcome, formats: Sequence[str]) -> Bundle:
    """The files of the formats that hold a network, and which do not.

    Raises:
        UserError: Of the first format, if none holds it.
    """
    written: list[Artifact] = []
    refused: dict[str, UserError] = {}
    for name, export in {name: exporters[name] for name in formats}.items():
        others = set(job.folder.iterdir())
        try:
            written.append(_scored(export(job), job, outcome))
        except UserError as error:
            refused[name] = error
            for path in set(job.folder.iterdir()) - others:
                path.unlink()
    if refused and not written:
        raise next(iter(refused.values()))
    left_out = tuple(
        LeftOut(name, Note.of(error.key, **error.values))
        for name, error in refused.items()
    )
    return Bundle(job.folder, tuple(written), job.network.digest, left_out)


def _scored(one: Artifact, job: ExportJob, outcome: Outcome) -> Artifact:
    """An artifact with its score, where its exporter compared outputs alone.

    Such a file computes what the network does, but for the activations: these it has
    as floats.
    """
    if one.score is not None or job.workload.data.test is None:
        return one
    known = None if outcome.is_stale else outcome.measurement
    if known is None or not known.is_exact or job.network.activations:
        from workbench.engine.evaluator import Evaluator

        floats = replace(job.network, activations={})
        *_, known = Evaluator(job.workload).run(floats)
    return replace(one, score=known)


def _resolved(workload: Workload, outcome: Outcome) -> ResolvedRecipe:
    """What was done; a threshold is known where the original's weights were pruned."""
    network = outcome.network
    return resolve(
        outcome.recipe,
        network,
        model=workload.name,
        hashes={"workload": workload.digest, "data": workload.data.digest},
        weights=None if network.is_retrained else workload.weights,
    )


def _told(
    workload: Workload,
    outcome: Outcome,
    snapshot: Snapshot,
    resolved: ResolvedRecipe,
    made: Bundle,
) -> ReportInput:
    """What the report tells; without retraining only where it is of this recipe."""
    assert snapshot.original_sizes is not None, "The model is open."
    before, is_after = snapshot.before, resolved.is_retrained
    is_same = before is not None and before.recipe.plans == outcome.recipe.plans
    return ReportInput(
        resolved=resolved,
        metric=snapshot.metric,
        data=workload.data.name,
        original=snapshot.original,
        original_sizes=snapshot.original_sizes,
        before=(before if is_same else None) if is_after else outcome,
        after=outcome if is_after else None,
        artifacts=made.artifacts,
        left_out=made.left_out,
        history=snapshot.history,
        budget=snapshot.budget,
        coded=predicted(workload, outcome.network),
    )
