"""Files are written whole or not at all, and say why not."""

import errno
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from workbench.core import store
from workbench.core.errors import UserError
from workbench.core.store import SessionStore, home, publish, write_atomic

MARK = "resolved.json"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    return tmp_path


def fail_after(number, code, monkeypatch):
    """Let the first `number` writes pass; the next stops half-way."""
    written = []
    real = store._write

    def write(path, content):
        if len(written) < number:
            written.append(path)
            return real(path, content)
        path.write_bytes(b"half")
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(store, "_write", write)


def tree(path):
    return {
        str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()
    }


def test_home_is_the_named_folder_else_in_the_users(monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", "~/somewhere")
    assert home() == Path("~/somewhere").expanduser()
    monkeypatch.delenv("WORKBENCH_HOME")
    assert home() == Path.home() / ".compression-workbench"


def test_home_needs_a_home_directory(monkeypatch):
    def none():
        raise RuntimeError

    monkeypatch.delenv("WORKBENCH_HOME")
    monkeypatch.setattr(Path, "home", none)
    with pytest.raises(UserError, match="WORKBENCH_HOME"):
        home()


@pytest.mark.parametrize("content", [b"\x00\xff", "Gewicht 权重\n"])
def test_write_atomic_replaces_a_file(folder, content):
    path = folder / "a.bin"
    path.write_text("before")
    write_atomic(path, content)
    expected = content.encode() if isinstance(content, str) else content
    assert tree(folder) == {"a.bin": expected}


def test_write_atomic_takes_a_function(folder):
    write_atomic(folder / "a.bin", lambda file: file.write(b"poured"))
    assert tree(folder) == {"a.bin": b"poured"}


@pytest.mark.parametrize(
    ("code", "key"),
    [
        (errno.ENOSPC, "store.full"),
        (errno.EACCES, "store.denied"),
        (errno.EROFS, "store.denied"),
        (errno.EIO, "store.failed"),
    ],
)
def test_a_refused_write_leaves_what_was_there(folder, monkeypatch, code, key):
    path = folder / "a.json"
    path.write_bytes(b"before")
    fail_after(0, code, monkeypatch)
    with pytest.raises(UserError) as caught:
        write_atomic(path, "after")
    assert caught.value.key == key
    assert os.strerror(code) in str(caught.value)
    assert tree(folder) == {"a.json": b"before"}


def test_a_failing_writer_leaves_no_litter(folder):
    def pour(file):
        file.write(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomic(folder / "a.bin", pour)
    assert tree(folder) == {}


def test_a_refused_rename_leaves_what_was_there(folder, monkeypatch):
    path = folder / "a.json"
    path.write_bytes(b"before")

    def replace(self, target):
        raise PermissionError(errno.EACCES, "no", str(target))

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(UserError, match="must be writable"):
        write_atomic(path, "after")
    assert tree(folder) == {"a.json": b"before"}


def test_write_into_a_missing_folder_is_one_sentence(folder):
    with pytest.raises(UserError, match="must be writable"):
        write_atomic(folder / "none" / "a.json", "x")


def fill(draft, text="x"):
    write_atomic(draft / MARK, text)
    write_atomic(draft / "model.bin", text)


def test_publish_makes_a_folder_with_its_parents(folder):
    with publish(folder / "deep" / "out", mark=MARK) as draft:
        fill(draft)
        assert not (folder / "deep" / "out").exists()
    assert tree(folder) == {"deep/out/resolved.json": b"x", "deep/out/model.bin": b"x"}


def test_publish_fills_an_empty_folder(folder):
    out = folder / "out"
    out.mkdir()
    with publish(out, mark=MARK) as draft:
        fill(draft)
    assert tree(folder).keys() == {"out/resolved.json", "out/model.bin"}


def test_publish_keeps_an_existing_folder_without_force(folder):
    out = folder / "out"
    with publish(out, mark=MARK) as draft:
        fill(draft, "old")
    with pytest.raises(UserError, match="--force"), publish(out, mark=MARK):
        pytest.fail("the body must not run")
    with publish(out, mark=MARK, force=True) as draft:
        write_atomic(draft / MARK, "new")
    assert tree(folder) == {"out/resolved.json": b"new"}


@pytest.mark.parametrize("force", [False, True])
def test_publish_never_replaces_what_is_not_its_own(folder, force):
    (folder / "thesis.txt").write_text("years")
    with pytest.raises(UserError), publish(folder, mark=MARK, force=force):
        pytest.fail("the body must not run")
    file = folder / "thesis.txt"
    with pytest.raises(UserError), publish(file, mark=MARK, force=force):
        pytest.fail("the body must not run")
    assert tree(folder) == {"thesis.txt": b"years"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize("number", [0, 1])
def test_publish_whole_or_not_at_all(folder, monkeypatch, code, number):
    out = folder / "out"
    with publish(out, mark=MARK) as draft:
        fill(draft, "old")
    before = tree(folder)
    fail_after(number, code, monkeypatch)
    with pytest.raises(UserError), publish(out, mark=MARK, force=True) as draft:
        fill(draft, "new")
    assert tree(folder) == before
    assert [p.name for p in folder.iterdir()] == ["out"]


def test_publish_says_what_others_could_not_write(folder):
    with pytest.raises(UserError, match="free space"), publish(folder / "o", mark=MARK):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError), publish(folder / "o", mark=MARK):
        (folder / "data.npz").read_bytes()
    assert list(folder.iterdir()) == []


def test_publish_puts_the_old_folder_back(folder, monkeypatch):
    out = folder / "out"
    with publish(out, mark=MARK) as draft:
        fill(draft, "old")
    before = tree(folder)
    real = Path.rename

    def rename(self, target):
        if self.suffix == ".part":
            raise PermissionError(errno.EACCES, "no", str(target))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(UserError), publish(out, mark=MARK, force=True) as draft:
        fill(draft, "new")
    assert tree(folder) == before


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

    monkeypatch.setattr(store, "_read_state", read)
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
