"""The command ``scan``: what each kernel loses where it alone is compressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.cli import numbers
from workbench.cli.opening import opened
from workbench.cli.voice import Report, Voice, table
from workbench.core.compress import compress
from workbench.core.sensitivity import Scan

if TYPE_CHECKING:
    import argparse

    from workbench.core.measurement import MetricInfo
    from workbench.engine.workload import Workload


def scan(wish: argparse.Namespace, voice: Voice) -> Report:
    """Each kernel at every level of a knob, all others as they were."""
    # A wrong knob is said before anything is opened.
    Scan.of(wish.knob, ())
    workload = opened(wish, voice, needs_data=True)
    assert workload.metric is not None, "Data come with a metric."
    found = _scanned(Scan.of(wish.knob, workload.sites), workload, voice)
    info = workload.metric.info
    data = {
        "model": workload.name,
        "metric": numbers.metric(info),
        "knob": found.knob,
        "levels": found.levels,
        "changes": dict(
            zip(found.paths, found.changes_by_kernel.tolist(), strict=True)
        ),
    }
    return Report(data, _lines(found, info, voice))


def _scanned(found: Scan, workload: Workload, voice: Voice) -> Scan:
    from workbench.engine.evaluator import Evaluator

    evaluator = Evaluator(workload)
    for path, level, recipe in found.recipes():
        voice.progress(voice.say("cli.measuring"), found.done)
        network = compress(
            workload.sites, workload.weights, recipe, digests=workload.digests
        )
        *_, measured = evaluator.run(network)
        assert measured.difference is not None, "The original is no setting."
        found = found.with_change(path, level, measured.difference.value)
    return found


def _lines(found: Scan, info: MetricInfo, voice: Voice) -> list[str]:
    unit, digits = ("points", "z.2f") if info.is_accuracy else ("score_lost", "z.3g")
    head = [voice.say(f"scan.{unit}"), *found.level_names]
    rows = [
        [path, *(format(value, digits) for value in row)]
        for path, row in zip(found.paths, found.losses(info), strict=True)
    ]
    return table([head, *rows])
