"""One good model with its data, and what a refusal must look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.chain.models import case
from workbench.cli import main


@dataclass(frozen=True)
class Good:
    """Files that can be used.

    Attributes:
        model: A dense model of 12 numbers and 3 classes.
        data: Its arrays in an .npz file.
        only_test: The same without training data.
        pictures: A model of pictures, 8 x 8.
        folder: Where all of them lie.
    """

    model: Path
    data: Path
    only_test: Path
    pictures: Path
    folder: Path

    @property
    def arrays(self):
        """The data, to spoil."""
        with np.load(self.data) as stored:
            return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="session")
def good(tmp_path_factory) -> Good:
    folder = tmp_path_factory.mktemp("good")
    dense, pictures = case("dense"), case("residual")
    dense.model.save(folder / "model.keras")
    pictures.model.save(folder / "pictures.keras")
    np.savez(folder / "data.npz", allow_pickle=False, **dense.data)
    only = {name: dense.data[name] for name in ("x_test", "y_test")}
    np.savez(folder / "test.npz", allow_pickle=False, **only)
    return Good(
        folder / "model.keras",
        folder / "data.npz",
        folder / "test.npz",
        folder / "pictures.keras",
        folder,
    )


def tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def refused(good, tmp_path, capfd, monkeypatch) -> Callable[..., str]:
    """Run a command that must be refused; what it said.

    Nothing goes to stdout, one line without a traceback goes to stderr, and no file
    appears, changes or is lost.
    """
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))

    def run(*words: object) -> str:
        before = tree(tmp_path), tree(good.folder)
        capfd.readouterr()
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        assert (code, out) == (2, "")
        assert (tree(tmp_path), tree(good.folder)) == before
        lines = err.splitlines()
        assert len(lines) == 1, err
        assert lines[0].endswith((".", "。"))
        assert "Traceback" not in err
        return lines[0]

    return run
