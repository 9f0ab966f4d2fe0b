"""The float conversion to ``.tflite``, in a process of its own.

The converter is native code that ends the whole process where it meets what it did not
expect, so it gets one that nobody misses.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import UserError
from workbench.export.artifact import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECONDS = 900.0
_COMMAND = (sys.executable, "-m", "workbench.export.convert")
_REFUSED = 3
_POLL_SECONDS = 0.1
_FOREIGN = re.compile(r"tf\.([A-Z]\w+)")


def convert(
    saved: Path,
    file: Path,
    *,
    command: Sequence[str] = _COMMAND,
    seconds: float = SECONDS,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Convert a SavedModel to a float ``.tflite`` file.

    Args:
        saved: The SavedModel's folder.
        file: Where the file goes.
        command: What is run with both as arguments.
        seconds: Time that it may take.
        should_stop: Asked several times a second.

    Raises:
        UserError: If it crashes, takes too long, or refuses the model.
        Stopped: If it was asked to.
    """
    code, said = run_child([*command, str(saved), str(file)], seconds, should_stop)
    if code == 0 and file.is_file():
        return
    if code != _REFUSED:
        raise UserError("export.crashed", code=code)
    foreign = sorted(set(_FOREIGN.findall(said)))
    if foreign:
        raise UserError("export.unsupported", operations=", ".join(foreign))
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    raise UserError("export.refused", reason=lines[-1].rstrip(".") if lines else code)


def run_child(
    command: Sequence[str], seconds: float, should_stop: Callable[[], bool]
) -> tuple[int, str]:
    """Run a process of ours to its end: its exit code and what it said.

    Raises:
        UserError: If it takes longer than `seconds`.
        Stopped: If it was asked to; the process is gone then.
    """
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
        try:
            _wait(child, seconds, should_stop)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
        said.seek(0)
        return child.returncode, said.read().decode(errors="replace")


def environment() -> dict[str, str]:
    """Environment of a process of ours, which finds this package as this one did."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}


def _wait(
    child: subprocess.Popen[bytes], seconds: float, should_stop: Callable[[], bool]
) -> None:
    end = time.monotonic() + seconds
    while child.poll() is None:
        if should_stop():
            raise Stopped
        if time.monotonic() > end:
            raise UserError("export.slow", seconds=f"{seconds:.0f}")
        time.sleep(_POLL_SECONDS)


def _main(saved: str, file: str) -> int:
    """What the process does; it says why on its output where it cannot."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(saved)
    try:
        data = converter.convert()
    except Exception as error:  # noqa: BLE001 - the converter raises whatever it likes
        sys.stdout.write(f"{error}\n")
        return _REFUSED
    Path(file).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
