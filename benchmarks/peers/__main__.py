"""Measure the workbench beside its peers: ``python -m benchmarks.peers``.

What was measured is kept, so that a run can be done in pieces: ``--only``, ``--models``
and ``--parts`` choose, ``--fresh`` measures again. Results go to ``results.json`` in
``benchmarks/.cache`` (or where ``PEERS_CACHE`` says), tables to the standard output.
``--publish`` also keeps what the README says, and writes it there.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks.peers.beside import files_table, sooner, speed_table
from benchmarks.peers.inputs import MODELS
from benchmarks.peers.pairing import pairs
from benchmarks.peers.places import CACHE
from benchmarks.peers.published import publish
from benchmarks.peers.roster import PARTS, SUBJECTS, pieces
from benchmarks.peers.running import measured, result_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers.roster import Piece


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; print the tables of all that is known."""
    wish = _read(arguments)
    failures = []
    for piece in pieces():
        if not _is_wished(piece, wish):
            continue
        subject = piece.subject.module
        print(f"{subject}: {piece.model}, {piece.part}", file=sys.stderr)
        try:
            measured(piece, is_fresh=wish.fresh)
        except RuntimeError as error:
            failures.append(str(error))
    results = [measured(piece) for piece in pieces() if result_file(piece).exists()]
    _tell(results)
    if wish.publish:
        publish(results)
    print(*failures, sep="\n", file=sys.stderr)
    return int(bool(failures))


def _tell(results: list[dict[str, Any]]) -> None:
    """Write the results and print the tables."""
    records = [record for result in results for record in result["records"]]
    said = {
        "sooner": [asdict(one) | {"holds": one.holds} for one in sooner(records)],
        "files": [
            {
                "peer": pair.peer["subject"],
                "setting": pair.peer["setting"],
                "model": pair.peer["model"],
                "points": pair.points,
                "excess": pair.excess,
                "holds": pair.holds,
            }
            for pair in pairs(records)
        ],
        "results": results,
    }
    (CACHE / "results.json").write_text(json.dumps(said, indent=1), "utf-8")
    paces = [pace for result in results for pace in result["yardstick_ms"]]
    print(*speed_table(records), "", *files_table(records), "", sep="\n")
    print(f"A fixed work took {min(paces):.0f} to {max(paces):.0f} ms between pieces.")


def _is_wished(piece: Piece, wish: argparse.Namespace) -> bool:
    return (
        (not wish.only or piece.subject.module in wish.only)
        and piece.model in wish.models
        and piece.part in wish.parts
    )


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.peers", description=__doc__)
    names = [subject.module for subject in SUBJECTS]
    parser.add_argument("--only", nargs="+", choices=names)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--fresh", action="store_true", help="measure again")
    parser.add_argument("--publish", action="store_true", help="write the README")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
