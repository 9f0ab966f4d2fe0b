"""The workbench's files, by its own command line: ``workbench compress``.

A new method takes part by a line in `SETTINGS`, and by one in `beside.PAIRS`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.peers.measuring import Record, gzipped

if TYPE_CHECKING:
    from benchmarks.peers.inputs import Inputs

PACKAGE = "compression-workbench"


@dataclass(frozen=True)
class Own:
    """One way to use the command.

    Attributes:
        name: Of the setting.
        options: Of ``workbench compress``.
        format: The exporter whose file is measured.
        is_coded: Whether that file is entropy-coded already.
    """

    name: str
    options: tuple[str, ...]
    format: str
    is_coded: bool = False


SETTINGS = (
    Own("dynamic int8", ("--bits", "8"), "tflite"),
    Own("full int8", ("--bits", "8", "--activation-bits", "8"), "tflite-int8"),
    Own("6 bits", ("--bits", "6"), "tflite-exact"),
    Own("5 bits", ("--bits", "5"), "tflite-exact"),
    Own("4 bits", ("--bits", "4"), "tflite-exact"),
    Own("50% pruned, 8 bits", ("--sparsity", "0.5", "--bits", "8"), "tflite"),
    Own("80% pruned, 8 bits", ("--sparsity", "0.8", "--bits", "8"), "tflite"),
)


def records(inputs: Inputs) -> list[Record]:
    """Accuracy and bytes of every setting."""
    return [_record(inputs, own) for own in SETTINGS]


def words(inputs: Inputs, own: Own, folder: Path) -> list[str]:
    """The command line of a setting, without the program's name."""
    return [
        *("compress", str(inputs.keras_file), "--data", str(inputs.data)),
        *own.options,
        *("--formats", own.format, "--out", str(folder), "--json"),
    ]


def _record(inputs: Inputs, own: Own) -> Record:
    folder = inputs.scratch / "own"
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "workbench", *words(inputs, own, folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    file = _file(json.loads(done.stdout), own)
    content = Path(file["path"]).read_bytes()
    return Record(
        subject=PACKAGE,
        version=metadata.version(PACKAGE),
        setting=own.name,
        model=inputs.name,
        accuracy=file["score"],
        file_bytes=len(content),
        coded_bytes=len(content) if own.is_coded else gzipped(content),
        note=own.format,
    )


def _file(said: dict[str, Any], own: Own) -> dict[str, Any]:
    """What the command said of the file of one format."""
    return next(file for file in said["files"] if file["format"] == own.format)
