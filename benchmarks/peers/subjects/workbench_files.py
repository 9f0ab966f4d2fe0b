"""The workbench's files, by its own command line: ``workbench compress``.

A new method takes part by a line in `SETTINGS`, and by one in `pairing.MATCHES`.
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
from benchmarks.peers.places import RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers.inputs import Inputs

PACKAGE = "compression-workbench"
# Entropy-coded already.
CODED = "wbz"
INT8 = "tflite-int8"
# The peer's stream whose bytes are wished for, and what that setting is called.
FINEST = "qp -32"
AS_SMALL = "wish for its bytes"


@dataclass(frozen=True)
class Own:
    """One way to use the command, always with ``--repair``.

    Attributes:
        name: Of the setting.
        options: Of ``workbench compress``.
        formats: The exporters whose files are measured.
    """

    name: str
    options: tuple[str, ...]
    formats: tuple[str, ...]


SETTINGS = (
    Own("8 bits", ("--bits", "8"), ("tflite",)),
    Own("8 bits, activations too", ("--bits", "8", "--activation-bits", "8"), (INT8,)),
    Own("4 bits", ("--bits", "4"), ("tflite", "tflite-exact", CODED)),
    Own("4 bits, activations of 8", ("--bits", "4", "--activation-bits", "8"), (INT8,)),
    Own("3 bits", ("--bits", "3"), ("tflite", CODED)),
    Own("50% pruned, 4 bits", ("--sparsity", "0.5", "--bits", "4"), ("tflite",)),
    Own("80% pruned, 4 bits", ("--sparsity", "0.8", "--bits", "4"), ("tflite",)),
    Own("50% pruned, 3 bits", ("--sparsity", "0.5", "--bits", "3"), (CODED,)),
)


def records(inputs: Inputs) -> list[Record]:
    """Accuracy and bytes of every file of every setting."""
    wished = [own for own in SETTINGS if INT8 not in own.formats or can_int8(inputs)]
    return [
        record
        for own in (*wished, *as_small_as_coded(inputs.name))
        for record in _records(inputs, own)
    ]


def as_small_as_coded(model: str) -> Iterator[Own]:
    """Ask for just the bytes of a peer's stream, where that was measured before."""
    file = RESULTS / f"nncodec-{model}-files.json"
    rows = json.loads(file.read_text("utf-8"))["records"] if file.exists() else []
    for row in rows:
        if row["setting"] == FINEST:
            yield Own(AS_SMALL, ("--size", f"{row['file_bytes']}B"), (CODED,))


def can_int8(inputs: Inputs) -> bool:
    """Whether all of a model can be in int8; a recurrent state stays float."""
    return inputs.name != "lstm"


def words(inputs: Inputs, own: Own, folder: Path) -> list[str]:
    """The command line of a setting, without the program's name."""
    return [
        *("compress", str(inputs.keras_file), "--data", str(inputs.data)),
        *own.options,
        *("--repair", "--formats", ",".join(own.formats)),
        *("--out", str(folder), "--json"),
    ]


def _records(inputs: Inputs, own: Own) -> list[Record]:
    folder = inputs.scratch / "own"
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "workbench", *words(inputs, own, folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    said = json.loads(done.stdout)
    return [_record(inputs, own, file) for file in said["files"]]


def _record(inputs: Inputs, own: Own, file: dict[str, Any]) -> Record:
    content = Path(file["path"]).read_bytes()
    is_coded = file["format"] == CODED
    return Record(
        subject=PACKAGE,
        version=metadata.version(PACKAGE),
        setting=own.name,
        model=inputs.name,
        accuracy=file["score"],
        file_bytes=len(content),
        coded_bytes=len(content) if is_coded else gzipped(content),
        note=file["format"],
    )
