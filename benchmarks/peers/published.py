"""What the README says of the peers, from results that are kept beside this file."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks.peers.beside import files_table, speed_table
from benchmarks.peers.measuring import Record
from benchmarks.peers.places import HERE, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = HERE / "published.json"
README = ROOT / "README.md"
_MARKS = {
    speed_table: "<!-- seconds beside the peers -->",
    files_table: "<!-- files beside the peers -->",
}


def publish(results: Sequence[dict[str, Any]]) -> None:
    """Keep what was measured, and write its tables into the README.

    Args:
        results: As `running.measured` returns them.
    """
    records = [record for result in results for record in result["records"]]
    lines = ",\n".join(json.dumps(_without_defaults(row)) for row in records)
    FILE.write_text(f"[\n{lines}\n]\n", "utf-8")
    text = README.read_text("utf-8")
    README.write_text(with_tables(text, records), "utf-8")


def with_tables(text: str, records: Sequence[Any]) -> str:
    """A text whose tables are those of some records.

    Args:
        text: Each of its tables stands between two marks, with an empty line after the
            first and before the second; a table without marks is not written.
        records: As `published` gives them.
    """
    for table, mark in _MARKS.items():
        if mark in text:
            before, _, after = text.split(mark)
            lines = [before + mark, "", *table(records), "", mark + after]
            text = "\n".join(lines)
    return text


def published() -> list[Any]:
    """The records that the README speaks of, as `measuring.Record`s in JSON."""
    rows = json.loads(FILE.read_text("utf-8"))
    return [asdict(Record(**row)) for row in rows]


def _without_defaults(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value}
