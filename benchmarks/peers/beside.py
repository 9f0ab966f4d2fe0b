"""The tables, and which promises hold: the workbench beside its peers."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.peers.inputs import MODELS
from benchmarks.peers.pairing import MEASURES, Match, Pair, Row, pairs
from benchmarks.peers.roster import OWN, TIMED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What the session is held to: times sooner than the fastest peer.
SOONER = {"interval_seconds": 10.0, "within_seconds": 4.0}
SUFFIXES = {
    "tflite": ".tflite",
    "tflite-exact": ".tflite exact",
    "tflite-int8": ".tflite int8",
    "wbz": ".wbz",
}
STAGES = {
    "interval_seconds": "first interval",
    "within_seconds": "within half a point",
    "seconds": "exact",
}


@dataclass(frozen=True)
class Sooner:
    """How much sooner the session knows than the fastest peer.

    Attributes:
        model: On which model.
        change: What is changed.
        stage: What is known then.
        seconds: Median of the session's seconds.
        times: The fastest peer's seconds over them.
        target: The least that was promised; None where nothing was.
    """

    model: str
    change: str
    stage: str
    seconds: float
    times: float
    target: float | None

    @property
    def holds(self) -> bool:
        """Whether the promise is kept."""
        return self.target is None or self.times >= self.target


def fastest_peer(records: Sequence[Row], model: str) -> Row:
    """The timed record of a peer with the least median."""
    return min(_timed_peers(records, model), key=lambda row: median(row["seconds"]))


def sooner(records: Sequence[Row]) -> list[Sooner]:
    """Every stage of every change of the session against the fastest peer."""
    found = []
    for model in _present(records, TIMED):
        peers = _timed_peers(records, model)
        if not peers:
            continue
        best = median(fastest_peer(records, model)["seconds"])
        found += [
            Sooner(
                model,
                row["setting"],
                stage,
                median(row[stage]),
                best / median(row[stage]),
                SOONER.get(stage),
            )
            for row in _session(records, model)
            for stage in STAGES
        ]
    return found


def speed_table(records: Sequence[Row]) -> list[str]:
    """Markdown lines: seconds from a change to the accuracy, by model."""
    models = _present(records, TIMED)
    named: dict[tuple[str, str], dict[str, float]] = {}
    for model in models:
        for row in _timed_peers(records, model):
            key = (_subject(row), row["setting"])
            named.setdefault(key, {})[model] = median(row["seconds"])
    order = sorted(named, key=lambda key: min(named[key].values()))
    lines = _head("seconds from a change to the accuracy", *models)
    for subject, setting in order:
        cells = [_seconds(named[subject, setting].get(model)) for model in models]
        lines.append(_line(f"{subject}, {setting}", *cells))
    return lines + list(_own_lines(sooner(records), models))


def files_table(records: Sequence[Row]) -> list[str]:
    """Markdown lines: accuracy and bytes of every peer's file, then of ours."""
    found = pairs(records)
    models = [name for name in MODELS if any(p.peer["model"] == name for p in found)]
    rows: dict[tuple[str, str, Match], dict[str, Pair]] = {}
    for pair in found:
        key = (_subject(pair.peer), pair.peer["setting"], pair.match)
        rows.setdefault(key, {})[pair.peer["model"]] = pair
    lines = _head("peer", "workbench", "bytes", *models)
    for (subject, setting, match), by_model in rows.items():
        lines.append(
            _line(
                f"{subject}, {setting}",
                f"{match.setting}, `{SUFFIXES.get(match.format, match.format)}`",
                MEASURES[match.measure],
                *[_both(by_model.get(model)) for model in models],
            )
        )
    return lines


def _both(pair: Pair | None) -> str:
    """Accuracy and bytes of the peer's file over those of ours, the better one bold."""
    if pair is None:
        return ""
    theirs, own = pair.sizes
    cells = (
        f"{100 * pair.peer['accuracy']:.2f} % {theirs:,}",
        f"{100 * pair.own['accuracy']:.2f} % {own:,}",
    )
    return f"{cells[0]}<br>**{cells[1]}**" if pair.holds else "<br>".join(cells)


def _subject(row: Row) -> str:
    return f"{row['subject']} {row['version']}"


def _own_lines(found: Sequence[Sooner], models: Sequence[str]) -> Iterator[str]:
    by_name: dict[tuple[str, str], dict[str, Sooner]] = {}
    for one in found:
        by_name.setdefault((one.change, one.stage), {})[one.model] = one
    for (change, stage), by_model in by_name.items():
        cells = [_own_cell(by_model.get(model)) for model in models]
        yield _line(f"**workbench**, {change}: {STAGES[stage]}", *cells)


def _own_cell(one: Sooner | None) -> str:
    return (
        "" if one is None else f"**{_seconds(one.seconds)}** ({one.times:.1f}x sooner)"
    )


def _timed_peers(records: Sequence[Row], model: str) -> list[Row]:
    return [
        row
        for row in records
        if row["subject"] != OWN and row["model"] == model and row["seconds"]
    ]


def _session(records: Sequence[Row], model: str) -> list[Row]:
    return [
        row
        for row in records
        if row["model"] == model and row["interval_seconds"] and row["subject"] == OWN
    ]


def _present(records: Sequence[Row], models: Sequence[str]) -> list[str]:
    return [name for name in models if any(row["model"] == name for row in records)]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f} s"


def _head(*names: str) -> list[str]:
    return [_line(*names), _line(*["---"] * len(names))]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
