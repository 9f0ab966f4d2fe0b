"""An environment for each group of peers that can live together, made with uv."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.places import ENVIRONMENTS, REQUIREMENTS, ROOT

# The newest that all of them have wheels for.
PYTHON = "3.11"


def python_of(name: str | None) -> Path:
    """The Python of an environment, which is made where it is not there yet.

    Args:
        name: Of its requirements; None is the workbench's own.

    Raises:
        subprocess.CalledProcessError: If it cannot be installed.
    """
    if name is None:
        return Path(sys.executable)
    folder, pins = ENVIRONMENTS / name, REQUIREMENTS / f"{name}.txt"
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    wanted = pins.read_text("utf-8")
    if not installed.exists() or installed.read_text("utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        _uv("venv", "--quiet", "--python", PYTHON, str(folder))
        install = ("pip", "install", "--quiet", "--compile-bytecode")
        _uv(*install, "--python", str(python), "--require-hashes", "-r", str(pins))
        installed.write_text(wanted, "utf-8")
    return python


def _uv(*arguments: str) -> None:
    beside = Path(sys.executable).with_name("uv")
    command = str(beside) if beside.exists() else "uv"
    subprocess.run([command, *arguments], check=True, cwd=ROOT)
