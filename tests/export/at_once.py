"""The converter's process, forked from one that has loaded TensorFlow already.

The product starts a new one for each file, which is busy loading for most of its life;
`tests.export.test_convert` runs that one.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from workbench.export import convert

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["tensorflow"])
_alone = convert.run_child


def run_child(
    command: Sequence[str], seconds: float, should_stop: Callable[[], bool]
) -> tuple[int, str]:
    """What `convert.run_child` does; at once where the command is the converter's."""
    *words, saved, file = command
    if tuple(words) != convert._COMMAND:
        return _alone(command, seconds, should_stop)
    said = Path(f"{file}.said")
    child = _FORKED.Process(target=_convert, args=(saved, file, str(said)))
    child.start()
    child.join()
    assert child.exitcode is not None
    text = said.read_text("utf-8", errors="replace")
    said.unlink()
    return child.exitcode, text


def _convert(saved: str, file: str, said: str) -> None:
    with Path(said).open("wb") as output:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(output.fileno(), stream.fileno())
    sys.exit(convert._main(saved, file))
