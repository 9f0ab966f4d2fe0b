"""A session's folder comes back, and what is damaged in it is kept aside."""

import errno
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from tests.core.disk import fail_after, tree
from workbench.core import session_store
from workbench.core.errors import UserError
from workbench.core.session_store import SessionStore
from workbench.core.store import home


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))


def test_a_session_comes_back():
    session = SessionStore()
    assert session.load() is None
    assert session.load_arrays("best") is None
    state = {"recipe": {"seed": 3}, "note": "阈值"}
    arrays = {
        "dense/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
        "file": np.array([True, False]),
    }
    session.save(state)
    session.save_arrays("best", arrays)
    again = SessionStore(session.name)
    assert again.load() == state
    loaded = again.load_arrays("best") or {}
    assert list(loaded) == list(arrays)
    for name, values in arrays.items():
        assert loaded[name].dtype == values.dtype
        np.testing.assert_array_equal(loaded[name], values)


def test_session_names_cannot_be_guessed_nor_lead_elsewhere():
    names = {SessionStore().name for _ in range(100)}
    assert len(names) == 100
    assert min(map(len, names)) >= 20
    for name in ("", "../../elsewhere-elsewhere", "short", "a/b" * 8, "x" * 65):
        with pytest.raises(UserError, match="session's name"):
            SessionStore(name)


def test_a_session_is_its_owners_alone():
    session = SessionStore()
    session.save({})
    for part in (session.folder, session.folder.parent, home()):
        assert os.name == "nt" or part.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": \xff}', "[" * 100_000])
def test_a_damaged_state_is_kept_aside(text):
    session = SessionStore()
    session.save({"a": 1})
    (session.folder / "session.json").write_bytes(text.encode("latin1"))
    with pytest.raises(UserError, match="damaged") as caught:
        session.load()
    assert Path(str(caught.value.values["kept"])).read_bytes() == text.encode("latin1")
    assert session.load() is None


@pytest.mark.parametrize("cut", [0, 10, 100, -1])
def test_damaged_weights_are_kept_aside(cut):
    session = SessionStore()
    session.save_arrays("best", {"a": np.zeros((50, 50), np.float32)})
    path = session.folder / "best.npz"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match="damaged"):
        session.load_arrays("best")
    assert session.load_arrays("best") is None


def test_pickled_arrays_are_refused():
    session = SessionStore()
    with pytest.raises(ValueError, match="Object arrays"):
        session.save_arrays("best", {"a": np.array([{}], object)})
    session.save({})
    np.savez(session.folder / "best.npz", a=np.array([{}], object))
    with pytest.raises(UserError, match="damaged"):
        session.load_arrays("best")


def test_an_unreadable_state_is_left_alone(monkeypatch):
    session = SessionStore()
    session.save({"a": 1})

    def read(path):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(session_store, "_read_state", read)
    with pytest.raises(UserError, match="must be readable"):
        session.load()
    assert json.loads((session.folder / "session.json").read_text()) == {"a": 1}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_refused_save_loses_no_session(monkeypatch, code):
    session = SessionStore()
    session.save({"a": 1})
    session.save_arrays("best", {"a": np.ones(3)})
    before = tree(home())
    fail_after(0, code, monkeypatch)
    with pytest.raises(UserError):
        session.save({"a": 2})
    with pytest.raises(UserError):
        session.save_arrays("best", {"a": np.zeros(3)})
    assert tree(home()) == before


def test_old_litter_of_a_killed_process_is_removed():
    session = SessionStore()
    session.save({})
    old = session.folder / ".best.npz.1.part"
    young = session.folder / ".best.npz.2.part"
    for path in (old, young):
        path.write_bytes(b"half")
    hours_ago = time.time() - 7200
    os.utime(old, (hours_ago, hours_ago))
    SessionStore(session.name)
    assert not old.exists()
    assert young.exists()
