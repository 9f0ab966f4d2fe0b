"""What retraining is compared with: ``fit`` of plain Keras, in a process of its own.

    python -m workbench.bench.plain_fit FOLDER

Keras and TensorFlow are as they come there, with threads and kernels of their own
choice. ``fit`` trains on as many samples as retraining does, in batches of the same
size, and scores as many held out, at the number of steps per execution that is
fastest. The process says a line when it is ready, and then the seconds of an epoch
for each line that it reads.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from workbench.engine.workload import Workload

STEPS_PER_EXECUTION = (1, 8)
TRIED_STEPS = 24
# What the workbench sets for itself.
_OURS = "TF_ENABLE_ONEDNN_OPTS"


@dataclass(frozen=True)
class Epoch:
    """What one epoch is about.

    Attributes:
        samples: How many are trained on.
        held: How many others are scored at its end.
        batch_size: Samples a step.
    """

    samples: int
    held: int
    batch_size: int


class PlainFit:
    """A process that fits a workload's model.

    Args:
        workload: Model of Keras's own layers, one input, integer labels.
        epoch: What an epoch is about.
        is_tuned: Whether TensorFlow runs with the kernels that the workbench chooses.
    """

    def __init__(
        self, workload: Workload, epoch: Epoch, *, is_tuned: bool = False
    ) -> None:
        """Start the process and wait until it has compiled."""
        train = workload.data.train
        assert train is not None, "There is something to fit."
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        workload.model.save(folder / "model.keras")
        x, y, n = train.x[0], train.y, epoch.samples
        np.savez(
            folder / "data.npz", x=x[:n], y=y[:n], x_held=x[n:][: epoch.held],
            y_held=y[n:][: epoch.held], batch_size=epoch.batch_size,
        )  # fmt: skip
        plain = {key: value for key, value in os.environ.items() if key != _OURS}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=plain | ({_OURS: "1"} if is_tuned else {}),
            text=True,
        )
        self._line()

    def __enter__(self) -> Self:
        """It runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def seconds(self) -> float:
        """Seconds of one epoch, compiled already."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The process of plain fit ended.")
        return line


def main(folder: Path) -> None:
    """Be the process."""
    import keras

    model: Any = keras.saving.load_model(folder / "model.keras")
    with np.load(folder / "data.npz") as arrays:
        given = {name: arrays[name] for name in arrays.files}
    batch_size = int(given["batch_size"])

    def fit(samples: int) -> float:
        began = time.perf_counter()
        model.fit(
            given["x"][:samples],
            given["y"][:samples],
            batch_size=batch_size,
            validation_data=(given["x_held"], given["y_held"]),
            validation_batch_size=batch_size,
            verbose=0,
        )
        return time.perf_counter() - began

    def trial(steps: int) -> float:
        compiled(steps)
        fit(TRIED_STEPS * batch_size)
        return fit(TRIED_STEPS * batch_size)

    def compiled(steps: int) -> None:
        model.compile(
            "adam",
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=steps,
        )

    compiled(min(STEPS_PER_EXECUTION, key=trial))
    fit(TRIED_STEPS * batch_size)
    _say("ready")
    for _ in sys.stdin:
        _say(fit(len(given["x"])))


def _say(word: Any) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
