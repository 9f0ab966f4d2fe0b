"""The tables, and which promises hold: the workbench beside its peers."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.peers.inputs import MODELS
from benchmarks.peers.roster import OWN, TIMED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Row = Any  # A `measuring.Record` as JSON gives it back.

# What the session is held to: times sooner than the fastest peer.
SOONER = {"interval_seconds": 10.0, "within_seconds": 4.0}
STAGES = {
    "interval_seconds": "first interval",
    "within_seconds": "within half a point",
    "seconds": "exact",
}
# Of the workbench's settings, the one that answers a peer's, and the size on which
# both are compared: the runnable file's, or the one that is sent.
PAIRS = {
    ("litert-quantizer", "dynamic int8"): ("dynamic int8", "file_bytes"),
    ("litert-quantizer", "static int8"): ("full int8", "file_bytes"),
    ("litert-quantizer", "dynamic int4"): ("4 bits", "file_bytes"),
    ("litert-quantizer", "dynamic int4 MSE"): ("4 bits", "file_bytes"),
    ("litert-quantizer", "dynamic int4 OCTAV"): ("4 bits", "file_bytes"),
    ("litert-quantizer", "weights int4"): ("4 bits", "file_bytes"),
    ("tensorflow", "dynamic int8"): ("dynamic int8", "file_bytes"),
    ("tensorflow", "static int8"): ("full int8", "file_bytes"),
    ("onnxruntime", "static int8"): ("full int8", "file_bytes"),
    ("keras", "int8"): ("dynamic int8", "file_bytes"),
    ("keras", "int4"): ("4 bits", "file_bytes"),
    ("tensorflow-model-optimization", "50% pruned"): (
        "50% pruned, 8 bits",
        "coded_bytes",
    ),
    ("tensorflow-model-optimization", "80% pruned"): (
        "80% pruned, 8 bits",
        "coded_bytes",
    ),
    ("tensorflow-model-optimization", "16 clusters"): ("4 bits", "coded_bytes"),
    ("tensorflow-model-optimization", "32 clusters"): ("5 bits", "coded_bytes"),
    ("model-compression-toolkit", "PTQ int8"): ("full int8", "coded_bytes"),
    ("model-compression-toolkit", "PTQ mixed, half of int8"): (
        "4 bits",
        "coded_bytes",
    ),
    ("nncodec", "qp -32"): ("6 bits", "coded_bytes"),
    ("nncodec", "qp -28"): ("5 bits", "coded_bytes"),
    ("nncodec", "qp -24"): ("4 bits", "coded_bytes"),
    ("nncodec", "qp -20"): ("4 bits", "coded_bytes"),
}
MEASURES = {"file_bytes": "file", "coded_bytes": "coded"}


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


@dataclass(frozen=True)
class Pair:
    """A peer's file beside the workbench's.

    Attributes:
        peer: The peer's record.
        own: The workbench's.
        measure: The size that is compared, a field of both.
    """

    peer: Row
    own: Row
    measure: str

    @property
    def points(self) -> float:
        """How much more accurate the workbench's is, in points."""
        return 100 * (self.own["accuracy"] - self.peer["accuracy"])

    @property
    def excess(self) -> float:
        """How much larger the workbench's is, as a share of the peer's."""
        return self.own[self.measure] / self.peer[self.measure] - 1

    @property
    def holds(self) -> bool:
        """At least as accurate, at equal or fewer bytes."""
        return self.points >= 0 and self.excess <= 0


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


def pairs(records: Sequence[Row]) -> list[Pair]:
    """Every peer's file that has a counterpart among the workbench's."""
    own = {
        (row["model"], row["setting"]): row
        for row in records
        if row["subject"] == OWN and row["file_bytes"]
    }
    found = []
    for row in records:
        setting, measure = PAIRS.get((row["subject"], row["setting"]), ("", ""))
        if (row["model"], setting) in own:
            found.append(Pair(row, own[row["model"], setting], measure))
    return found


def speed_table(records: Sequence[Row]) -> list[str]:
    """Markdown lines: seconds from a change to the accuracy, by model."""
    models = _present(records, TIMED)
    named: dict[tuple[str, str], dict[str, float]] = {}
    for model in models:
        for row in _timed_peers(records, model):
            key = (f"{row['subject']} {row['version']}", row["setting"])
            named.setdefault(key, {})[model] = median(row["seconds"])
    order = sorted(named, key=lambda key: min(named[key].values()))
    lines = _head("seconds from a change to the accuracy", *models)
    for subject, setting in order:
        cells = [_seconds(named[subject, setting].get(model)) for model in models]
        lines.append(_line(f"{subject}, {setting}", *cells))
    return lines + list(_own_lines(sooner(records), models))


def files_table(records: Sequence[Row]) -> list[str]:
    """Markdown lines: accuracy and bytes of every peer's file, and of ours beside."""
    lines = _head(
        "peer", "accuracy", "file", "coded", "workbench", "accuracy", "file", "coded",
        "by", "",
    )  # fmt: skip
    for model in _present(records, MODELS):
        lines.append(_line(f"**{model}**", *[""] * 9))
        lines += [
            _line(
                f"{pair.peer['subject']}, {pair.peer['setting']}",
                *_cells(pair.peer),
                pair.own["setting"],
                *_cells(pair.own),
                MEASURES[pair.measure],
                _verdict(pair),
            )
            for pair in pairs(records)
            if pair.peer["model"] == model
        ]
    return lines


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


def _verdict(pair: Pair) -> str:
    if pair.holds:
        return "holds"
    return f"{pair.points:+.2f} points, {pair.excess:+.1%} bytes"


def _cells(row: Row) -> tuple[str, str, str]:
    accuracy = f"{100 * row['accuracy']:.2f} %"
    return accuracy, f"{row['file_bytes']:,}", f"{row['coded_bytes']:,}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f} s"


def _head(*names: str) -> list[str]:
    return [_line(*names), _line(*["---"] * len(names))]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
