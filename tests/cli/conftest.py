"""A model and its data as files, and what runs a command on them."""

import json

import numpy as np
import pytest

from tests.chain.models import case
from workbench.cli import main


@pytest.fixture(scope="package")
def files(tmp_path_factory):
    """Paths of both, as words."""
    folder = tmp_path_factory.mktemp("files")
    given = case("dense")
    given.model.save(folder / "model.keras")
    np.savez(folder / "data.npz", allow_pickle=False, **given.data)
    return str(folder / "model.keras"), str(folder / "data.npz")


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("LANG", "C")

    def run(*words):
        assert main([*map(str, words), "--json"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return json.loads(out)

    return run
