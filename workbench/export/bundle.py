"""A whole result in one folder: the files, the recipe, what was really done, a report.

The folder appears when everything in it is written and has been read back, or not at
all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.core.resolved import FILE_NAME as MARK
from workbench.core.resolved import ResolvedRecipe, resolve
from workbench.core.store import publish, write_atomic
from workbench.export.artifact import Artifact, ExportJob, exporters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from workbench.core.measurement import Measurement
    from workbench.core.network import Network
    from workbench.core.recipe import Recipe
    from workbench.engine.workload import Workload

RECIPE = "recipe.yaml"


@dataclass(frozen=True, eq=False)
class Bundle:
    """What was saved.

    Attributes:
        folder: The folder.
        artifacts: The exporters' files in it.
    """

    folder: Path
    artifacts: tuple[Artifact, ...]


def write_bundle(  # noqa: PLR0913  # what a result is made of, by name
    workload: Workload,
    network: Network,
    recipe: Recipe,
    folder: Path,
    formats: Sequence[str],
    *,
    measurement: Measurement | None = None,
    is_forced: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> Bundle:
    """Write a result.

    Args:
        workload: Where it came from.
        network: The compressed network.
        recipe: What made it.
        folder: The folder to make.
        formats: Names of exporters.
        measurement: The network's, over the whole test set; None where not known.
        is_forced: Whether an earlier result is replaced.
        should_stop: Asked between steps of an export.

    Raises:
        UserError: If something cannot be exported or written.
        Stopped: Once it should stop.
    """
    with publish(folder, mark=MARK, force=is_forced) as draft:
        job = ExportJob(workload, network, recipe, draft, should_stop)
        artifacts = [
            _scored(exporters[name](job), job, measurement) for name in formats
        ]
        write_atomic(draft / RECIPE, recipe.dumps())
        write_atomic(draft / MARK, _resolved(workload, network, recipe).dumps())
    moved = (replace(one, path=folder / one.path.name) for one in artifacts)
    return Bundle(folder, tuple(moved))


def _scored(one: Artifact, job: ExportJob, known: Measurement | None) -> Artifact:
    """An artifact with its score, where its exporter compared outputs alone.

    Such a file computes what the network does, but for the activations: these it has
    as floats.
    """
    if one.score is not None or job.workload.data.test is None:
        return one
    if known is None or not known.is_exact or job.network.activations:
        from workbench.engine.evaluator import Evaluator

        floats = replace(job.network, activations={})
        *_, known = Evaluator(job.workload).run(floats)
    return replace(one, score=known)


def _resolved(workload: Workload, network: Network, recipe: Recipe) -> ResolvedRecipe:
    """What was done; a threshold is known where the original's weights were pruned."""
    hashes = {"workload": workload.digest, "data": workload.data.digest}
    weights = workload.weights if network.others is None else None
    return resolve(recipe, network, model=workload.name, hashes=hashes, weights=weights)
