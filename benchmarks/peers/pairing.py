"""Which of the workbench's files answers a peer's, and whether it is the better one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.peers.roster import OWN

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = Any  # A `measuring.Record` as JSON gives it back.

MEASURES = {"file_bytes": "as it is", "coded_bytes": "zipped", "stream": "coded"}


@dataclass(frozen=True)
class Match:
    """What is held against a peer's file, like with like.

    Attributes:
        setting: Of the workbench.
        format: Of its file.
        measure: The size that is compared: that of the runnable file as it is, after
            gzip, or of an entropy-coded stream; a key of `MEASURES`.
    """

    setting: str
    format: str
    measure: str = "file_bytes"

    @property
    def field(self) -> str:
        """The field of a record that has this size."""
        return "file_bytes" if self.measure == "stream" else self.measure


_LITERT = {
    "dynamic int8": Match("8 bits", "tflite"),
    "static int8": Match("8 bits, activations too", "tflite-int8"),
    "dynamic int4": Match("4 bits", "tflite"),
    "dynamic int4 MSE": Match("4 bits", "tflite"),
    "dynamic int4 OCTAV": Match("4 bits", "tflite"),
    "weights int4": Match("4 bits", "tflite-exact"),
}
_BY_SUBJECT: dict[str, dict[str, Match]] = {
    "litert-quantizer": _LITERT,
    "ai-edge-quantizer": _LITERT,
    "tensorflow": {
        "dynamic int8": Match("8 bits", "tflite"),
        "static int8": Match("8 bits, activations too", "tflite-int8"),
    },
    "onnxruntime": {"static int8": Match("8 bits, activations too", "tflite-int8")},
    "keras": {"int8": Match("8 bits", "tflite"), "int4": Match("4 bits", "tflite")},
    "tensorflow-model-optimization": {
        "50% pruned": Match("50% pruned, 4 bits", "tflite", "coded_bytes"),
        "80% pruned": Match("80% pruned, 4 bits", "tflite", "coded_bytes"),
        "16 clusters": Match("4 bits", "tflite", "coded_bytes"),
        "32 clusters": Match("4 bits", "tflite", "coded_bytes"),
    },
    "model-compression-toolkit": {
        "PTQ int8": Match("8 bits, activations too", "tflite-int8", "coded_bytes"),
        "PTQ mixed, half of int8": Match(
            "4 bits, activations of 8", "tflite-int8", "coded_bytes"
        ),
    },
    "nncodec": {
        "qp -32": Match("wish for its bytes", "wbz", "stream"),
        "qp -28": Match("4 bits", "wbz", "stream"),
        "qp -24": Match("3 bits", "wbz", "stream"),
        "qp -20": Match("50% pruned, 3 bits", "wbz", "stream"),
    },
}
MATCHES = {
    (subject, setting): match
    for subject, settings in _BY_SUBJECT.items()
    for setting, match in settings.items()
}


@dataclass(frozen=True)
class Pair:
    """A peer's file beside the workbench's.

    Attributes:
        peer: The peer's record.
        own: The workbench's.
        match: Why these two.
    """

    peer: Row
    own: Row
    match: Match

    @property
    def points(self) -> float:
        """How much more accurate the workbench's is, in points."""
        return 100 * (self.own["accuracy"] - self.peer["accuracy"])

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of the peer's and of the workbench's."""
        return self.peer[self.match.field], self.own[self.match.field]

    @property
    def excess(self) -> float:
        """How much larger the workbench's is, as a share of the peer's."""
        peer, own = self.sizes
        return own / peer - 1

    @property
    def holds(self) -> bool:
        """At least as accurate, at equal or fewer bytes."""
        return self.points >= 0 and self.excess <= 0


def pairs(records: Sequence[Row]) -> list[Pair]:
    """Every peer's file that has a counterpart among the workbench's."""
    own = {
        (row["model"], row["setting"], row["note"]): row
        for row in records
        if row["subject"] == OWN and row["file_bytes"]
    }
    found = []
    for row in records:
        match = MATCHES.get((row["subject"], row["setting"]))
        if match is None or not row["file_bytes"]:
            continue
        key = (row["model"], match.setting, match.format)
        if key in own:
            found.append(Pair(row, own[key], match))
    return found
