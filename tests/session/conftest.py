"""A tiny model, its files, and a session that works inline."""

import numpy as np
import pytest

from tests.chain.models import case
from workbench.session import Session


@pytest.fixture(scope="module")
def dense():
    return case("dense")


@pytest.fixture
def files(dense, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    dense.model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", **dense.data)
    return tmp_path / "model.keras", tmp_path / "data.npz"


@pytest.fixture
def session(dense):
    return Session(dense.model, dense.data, is_kept=False)
