"""The commands that change nothing: ``doctor`` and ``evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.cli import numbers
from workbench.cli.opening import opened
from workbench.cli.voice import Report, Voice, table
from workbench.core.errors import UserError
from workbench.core.readable import score
from workbench.text import has

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from workbench.core.measurement import Measurement
    from workbench.core.tensor import Site
    from workbench.engine.workload import Workload

_COLUMNS = ("path", "kind", "shape", "parameters", "share", "macs", "can")


def doctor(wish: argparse.Namespace, voice: Voice) -> Report:
    """What a model is made of, and what can be done to it."""
    workload = opened(wish, voice, needs_data=False)
    tensors = workload.tensors
    total = sum(site.parameters for site in workload.sites)
    others = sum(values.size for values in workload.others.values())
    macs = [site.macs for site in workload.sites]
    found: list[str] = []
    if workload.data.test is not None:
        _, found = _measured(workload, voice, None)
    data = {
        "model": workload.name,
        "tensors": [_tensor(site, total + others, voice) for site in tensors],
        "totals": {
            "parameters": total + others,
            "kernels": total,
            "others": others,
            "macs": None if None in macs else sum(filter(None, macs)),
            "bytes": workload.model_bytes,
        },
        "findings": found,
    }
    return Report(data, [*_lines(tensors, total + others, voice), *found])


def evaluate(wish: argparse.Namespace, voice: Voice) -> Report:
    """The score of a model."""
    limit = None if wish.limit is None else _limit(wish.limit)
    workload = opened(wish, voice, needs_data=True)
    assert workload.metric is not None, "Data come with a metric."
    info = workload.metric.info
    measured, found = _measured(workload, voice, limit)
    data = {
        "model": workload.name,
        "metric": numbers.metric(info),
        "score": measured.score,
        "low": measured.low,
        "high": measured.high,
        "seen": measured.seen,
        "total": measured.total,
        "provenance": measured.provenance,
        "findings": found,
    }
    line = voice.say(
        "cli.score",
        metric=info.name,
        score=score(measured.score, info),
        low=score(measured.low, info),
        high=score(measured.high, info),
        seen=measured.seen,
        total=measured.total,
    )
    return Report(data, [line, *found])


def _measured(
    workload: Workload, voice: Voice, limit: int | None
) -> tuple[Measurement, list[str]]:
    """The original's score, and what looks wrong with it."""
    from workbench.engine.check import check
    from workbench.engine.evaluator import Evaluator

    text = voice.say("session.measuring_original")
    voice.progress(text, 0.0)
    measured = None
    for measured in Evaluator(workload).run_original(limit=limit):
        voice.progress(
            text, measured.seen / min(limit or measured.total, measured.total)
        )
    assert measured is not None, "There is at least one sample."
    return measured, [finding.text(voice.lang) for finding in check(workload, measured)]


def _limit(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise UserError("evaluate.limit", received=word)
    return int(word)


def _tensor(site: Site, total: int, voice: Voice) -> dict[str, Any]:
    return {
        "path": site.path,
        "kind": site.kind,
        "layer": site.layer,
        "shape": list(site.shape),
        "parameters": site.parameters,
        "share": site.parameters / max(total, 1),
        "macs": site.macs,
        "gates": list(site.gates),
        "can": site.can,
        "reason": None if site.reason is None else voice.say(site.reason),
        "advice": _advice(site, voice),
    }


def _lines(sites: Sequence[Site], total: int, voice: Voice) -> list[str]:
    head = [voice.say(f"screen.column.{name}") for name in _COLUMNS]
    return table([head, *(_row(site, total, voice) for site in sites)])


def _row(site: Site, total: int, voice: Voice) -> list[str]:
    verdict = voice.say("screen.can")
    if site.reason is not None:
        advice = _advice(site, voice)
        verdict = voice.say(site.reason) + (f" ({advice})" if advice else "")
    return [
        site.path,
        voice.say(f"screen.kind.{site.kind}"),
        " x ".join(str(size) for size in site.shape),
        f"{site.parameters:,}",
        f"{site.parameters / max(total, 1):.1%}",
        "" if site.macs is None else f"{site.macs:,}",
        verdict,
    ]


def _advice(site: Site, voice: Voice) -> str | None:
    """What to do about a kernel that cannot be treated, where something can be done."""
    key = f"{site.reason}.advice"
    return voice.say(key) if has(key) else None
