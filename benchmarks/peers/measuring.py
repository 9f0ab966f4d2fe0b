"""What a subject reports, and how its seconds are taken: in its own environment."""

from __future__ import annotations

import gzip
import json
import sys
import time
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from benchmarks.peers.inputs import Inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Choice = TypeVar("Choice")

# Of threads every runtime gets as many, and each its best batch size of these.
THREADS = 2
BATCHES = (20, 50, 250, 500, 1000)
REPEATS = 5


@dataclass(frozen=True)
class Answer:
    """What a subject knows after a change.

    Attributes:
        accuracy: On all test images, from 0 to 1; None where the workbench scores
            `weights` afterwards.
        content: The file that a user would ship; empty where there is none.
        weights: Decoded weights in Keras' order, for a coder without a runtime.
    """

    accuracy: float | None
    content: bytes = b""
    weights: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True)
class Setting:
    """One setting of a subject.

    Attributes:
        name: Such as ``static int8``.
        change: Applies it and scores it: what is timed.
        file: What makes the file that is shipped, where `change` needs none.
        is_timed: Whether it is the fastest of its subject, or one of them.
        is_coded: Whether the file is entropy-coded already.
        note: What a reader must know.
    """

    name: str
    change: Callable[[], Answer]
    file: Callable[[], Answer] | None = None
    is_timed: bool = True
    is_coded: bool = False
    note: str = ""


@dataclass(frozen=True)
class Record:
    """What was measured of a setting.

    Attributes:
        subject: Such as ``litert-quantizer``.
        version: Of its package.
        setting: Name of the setting.
        model: One of `inputs.MODELS`.
        accuracy: Of the shipped file, from 0 to 1; None beside seconds.
        file_bytes: Size of the shipped file.
        coded_bytes: Of the file after gzip, or of the bitstream.
        seconds: Each repetition, from the change to the accuracy.
        interval_seconds: For a progressive answer, the same to the first interval.
        within_seconds: The same to half a point of half-width.
        half_widths: Half-width of each first interval, in points.
        note: What a reader must know.
    """

    subject: str
    version: str
    setting: str
    model: str
    accuracy: float | None = None
    file_bytes: int = 0
    coded_bytes: int = 0
    seconds: Sequence[float] = ()
    interval_seconds: Sequence[float] = ()
    within_seconds: Sequence[float] = ()
    half_widths: Sequence[float] = ()
    note: str = ""


def accuracy_of(answers: Any, labels: NDArray[np.int64]) -> float:
    """Share of right answers.

    Args:
        answers: Scores of the classes, (n, classes).
        labels: Right classes, (n,).
    """
    return float(np.mean(np.argmax(np.asarray(answers), axis=-1) == labels))


def fastest(
    inputs: Inputs, run: Callable[[Choice], Any], choices: Sequence[Choice]
) -> Choice:
    """The choice with which something is fastest; each is warmed up first.

    Args:
        inputs: Where no seconds are compared, the first choice will do.
        run: What is done.
        choices: At least one.
    """
    if not inputs.is_timed:
        return choices[0]

    def time_of(choice: Choice) -> float:
        run(choice)
        return seconds(lambda: run(choice))

    return min(choices, key=time_of)


def measure(
    package: str, inputs: Inputs, settings: Sequence[Setting], repeats: int
) -> list[Record]:
    """Measure each setting: its seconds, or its file.

    Args:
        package: Whose version is noted.
        inputs: What the settings were made for.
        settings: Of the subject.
        repeats: How often each change is timed, after one that warms it up.
    """

    def record(setting: Setting, **found: Any) -> Record:
        version = metadata.version(package)
        return Record(package, version, setting.name, inputs.name, **found)

    if inputs.is_timed:
        return [
            record(setting, seconds=_timed(setting.change, repeats))
            for setting in settings
            if setting.is_timed
        ]
    return [record(setting, **_weighed(inputs, setting)) for setting in settings]


def _timed(change: Callable[[], Any], repeats: int) -> list[float]:
    change()
    return [seconds(change) for _ in range(repeats)]


def _weighed(inputs: Inputs, setting: Setting) -> dict[str, Any]:
    """What there is to say of the file that is shipped."""
    answer = (setting.file or setting.change)()
    _keep_weights(inputs, setting, answer)
    content = answer.content
    return {
        "accuracy": answer.accuracy,
        "file_bytes": len(content),
        "coded_bytes": len(content) if setting.is_coded else gzipped(content),
        "note": setting.note,
    }


def gzipped(content: bytes) -> int:
    """Bytes of a file after gzip at its best, as TFMOT's own guides measure it."""
    return len(gzip.compress(content, 9, mtime=0)) if content else 0


def seconds(change: Callable[[], Any]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    change()
    return time.perf_counter() - began


def weights_file(inputs: Inputs, setting: str) -> Path:
    """Where decoded weights wait for the workbench's environment to score them."""
    return inputs.scratch / f"{inputs.name}-{setting}.npz".replace(" ", "-")


def _keep_weights(inputs: Inputs, setting: Setting, answer: Answer) -> None:
    if answer.weights:
        numbered: dict[str, Any] = {
            f"{place:03}": w for place, w in enumerate(answer.weights)
        }
        path = weights_file(inputs, setting.name)
        np.savez(path, **numbered)


def main(arguments: Sequence[str]) -> None:
    """Measure one subject on one model; called with a JSON object."""
    wish = json.loads(arguments[0])
    module = import_module(f"benchmarks.peers.subjects.{wish['module']}")
    paths = (Path(wish[key]) for key in ("folder", "data", "scratch"))
    inputs = Inputs(wish["model"], *paths, is_timed=wish["is_timed"])
    inputs.scratch.mkdir(parents=True, exist_ok=True)
    if hasattr(module, "records"):
        records = module.records(inputs)
    else:
        settings = module.settings(inputs)
        records = measure(wish["package"], inputs, settings, REPEATS)
    text = json.dumps([asdict(record) for record in records], indent=1)
    Path(wish["out"]).write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
