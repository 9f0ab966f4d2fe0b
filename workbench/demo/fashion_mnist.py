"""Get the whole Fashion-MNIST: 60,000 training and 10,000 test images.

Sources, in this order: a folder that the user names, or else `keras.datasets`, or else
Debian's package. Whatever the source, the arrays must have the SHA-256 sums below.
Data set: Xiao, Rasul, Vollgraf 2017 (arXiv 1708.07747), MIT licence.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.core.errors import UserError
from workbench.core.store import home, write_atomic, writing
from workbench.demo import class_names
from workbench.demo.idx import read_idx

Arrays = dict[str, NDArray[np.uint8]]
Source = Callable[[Path], Arrays]

# Of the values alone, in C order, so that every source can be held to them.
SHA256 = {
    "x_train": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
    "y_train": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
    "x_test": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
    "y_test": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
}
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_DEBIAN_PACKAGE = "dataset-fashion-mnist"
_LONGEST_DOWNLOAD_S = 900
_NO_DATA_SET = (
    OSError,
    KeyError,
    ValueError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)

# In a process of its own: TensorFlow's import, its output and a host that never
# answers stay out of ours.
_KERAS_CHILD = """
import sys
import keras, numpy
(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
numpy.savez(sys.argv[1], x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
"""


def fetch(folder: Path | None = None, target: Path | None = None) -> Path:
    """Bring the whole data set into one `.npz` file; reuse it if it is there.

    Args:
        folder: Where the four IDX files lie (`.gz` or not); without it `keras.datasets`
            and then Debian's package are asked.
        target: File to write; `$WORKBENCH_HOME/data/fashion-mnist.npz` without it.

    Returns:
        The file: `x_train` (60000, 28, 28, 1), `y_train` (60000,), `x_test`, `y_test`
        (10,000 each), uint8, and `class_names`.

    Raises:
        UserError: If no source can be reached, a checksum is wrong or the file cannot
            be written.
    """
    target = target or home() / "data" / "fashion-mnist.npz"
    if folder is None and _is_complete(target):
        return target
    arrays = from_folder(folder) if folder else _from_anywhere()
    verify(arrays)
    _write(target, arrays)
    return target


def verify(arrays: Arrays) -> None:
    """Compare every array with its published content.

    Args:
        arrays: The four arrays by name, uint8, images of any shape with these values.

    Raises:
        UserError: If an array differs in as much as one byte.
    """
    for name, expected in SHA256.items():
        received = checksum(arrays[name])
        if received != expected:
            raise UserError(
                "demo.checksum", name=name, expected=expected, received=received
            )


def checksum(values: NDArray[np.uint8]) -> str:
    """Return the SHA-256 sum of an array's values in C order, in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()


def from_folder(folder: Path) -> Arrays:
    """Read the four IDX files of a folder.

    Args:
        folder: Holds `train-images-idx3-ubyte` and so on, with or without `.gz`.

    Returns:
        The four arrays by name, images of shape `(n, 28, 28)`.

    Raises:
        UserError: If a file is missing or broken.
    """
    return {name: read_idx(_find(folder, file)) for name, file in IDX_FILES.items()}


def from_keras(scratch: Path) -> Arrays:
    """Ask `keras.datasets`, which downloads the files or has them already.

    Args:
        scratch: An empty folder to work in.

    Returns:
        The four arrays by name.

    Raises:
        UserError: If the download fails.
    """
    file = scratch / "fashion-mnist.npz"
    run([sys.executable, "-c", _KERAS_CHILD, str(file)], scratch)
    with np.load(file) as stored:
        return {name: stored[name] for name in IDX_FILES}


def from_debian(scratch: Path) -> Arrays:
    """Download Debian's package and unpack it, without installing it, without root.

    Args:
        scratch: An empty folder to work in.

    Returns:
        The four arrays by name.

    Raises:
        UserError: If the tools are missing or the download fails.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise UserError("demo.no_tool", tool=tool)
    download = ["apt-get", "download", _DEBIAN_PACKAGE]
    try:
        run(download, scratch)
    except UserError:
        # A fresh machine has no list of packages yet: make one of our own.
        lists = scratch / "lists"
        (lists / "partial").mkdir(parents=True)
        own = ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={scratch}"]
        run(["apt-get", *own, "update"], scratch)
        run([download[0], *own, *download[1:]], scratch)
    package = next(scratch.glob("*.deb"))
    run(["dpkg-deb", "-x", str(package), str(scratch / "root")], scratch)
    return from_folder(scratch / "root/usr/share/datasets/fashion-mnist")


def _from_anywhere() -> Arrays:
    reasons: list[UserError] = []
    for source in (from_keras, from_debian):
        with tempfile.TemporaryDirectory() as scratch:
            try:
                return source(Path(scratch))
            except UserError as error:
                reasons.append(error)
    raise UserError("demo.no_source", keras=reasons[0], debian=reasons[1])


def run(command: list[str], folder: Path) -> None:
    """Run a command in a folder, silently.

    Args:
        command: Program and arguments.
        folder: Where it runs.

    Raises:
        UserError: If it cannot start, fails, or takes over a quarter of an hour.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST_DOWNLOAD_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(
            "demo.command", command=Path(command[0]).name, reason=error
        ) from error
    if done.returncode:
        last = (done.stderr.strip() or str(done.returncode)).splitlines()[-1]
        raise UserError("demo.command", command=Path(command[0]).name, reason=last)


def _find(folder: Path, file: str) -> Path:
    for path in (folder / f"{file}.gz", folder / file):
        if path.is_file():
            return path
    raise UserError("demo.missing_file", folder=folder, file=f"{file}.gz")


def _is_complete(target: Path) -> bool:
    try:
        with target.open("rb") as file, np.load(file) as stored:
            verify({name: stored[name] for name in SHA256})
    except _NO_DATA_SET:
        return False
    return True


def _write(target: Path, arrays: Arrays) -> None:
    images = {name: arrays[name][..., None] for name in ("x_train", "x_test")}
    named = arrays | images | {"class_names": np.array(class_names("cnn"))}
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(
        target, lambda file: np.savez_compressed(file, allow_pickle=False, **named)
    )
