"""Files are written whole or not at all, and say why not."""

import errno
import os
from pathlib import Path

import pytest

from tests.core.disk import fail_after, tree
from workbench.core.errors import UserError
from workbench.core.store import home, publish, write_atomic

MARK = "resolved.json"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    return tmp_path


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
