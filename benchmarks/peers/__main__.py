"""Measure the workbench beside its peers: ``python -m benchmarks.peers``.

What was measured is kept, so that a run can be done in pieces: ``--only`` and
``--models`` choose, ``--fresh`` measures again. Results go to
``benchmarks/.cache/results.json``, tables to the standard output.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks.peers.beside import files_table, pairs, sooner, speed_table
from benchmarks.peers.inputs import MODELS
from benchmarks.peers.places import CACHE
from benchmarks.peers.roster import SUBJECTS
from benchmarks.peers.running import measured, result_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.peers.roster import Subject


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; print the tables of all that is known."""
    wish = _read(arguments)
    failures = []
    for subject, model in _pieces(wish):
        print(f"{subject.module}: {model}", file=sys.stderr)
        try:
            measured(subject, model, is_fresh=wish.fresh)
        except RuntimeError as error:
            failures.append(str(error))
    _tell([measured(*known) for known in _known()])
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


def _pieces(wish: argparse.Namespace) -> Iterator[tuple[Subject, str]]:
    for subject in SUBJECTS:
        if not wish.only or subject.module in wish.only:
            for model in subject.models:
                if model in wish.models:
                    yield subject, model


def _known() -> Iterator[tuple[Subject, str]]:
    for subject in SUBJECTS:
        for model in subject.models:
            if result_file(subject, model).exists():
                yield subject, model


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.peers", description=__doc__)
    names = [subject.module for subject in SUBJECTS]
    parser.add_argument("--only", nargs="+", choices=names)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--fresh", action="store_true", help="measure again")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
