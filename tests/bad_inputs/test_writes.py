"""Whichever write fails, one sentence says so and what was there stays."""

import errno
import os
import zipfile
from pathlib import Path

import pytest

from tests.bad_inputs.conftest import tree
from workbench.cli import main
from workbench.core import store
from workbench.core.resolved import FILE_NAME

# Every place where the result comes from: the product's own writes, making and
# renaming of folders and files, and the zip files of Keras.
PLACES = (
    (store, "_write"),
    (Path, "mkdir"),
    (Path, "rename"),
    (Path, "replace"),
    (zipfile.ZipFile, "writestr"),
)


def spoil(patch, number, code):
    """Let the write of a number fail, the product's own half-way; count them all."""
    tried = []

    def spoilt(real, name):
        def write(target, *args, **options):
            tried.append(name)
            if len(tried) - 1 != number:
                return real(target, *args, **options)
            if name == "_write":
                target.write_bytes(b"half")
            raise OSError(code, os.strerror(code))

        return write

    for place, name in PLACES:
        patch.setattr(place, name, spoilt(getattr(place, name), name))
    return tried


@pytest.mark.parametrize("refusal", [(errno.ENOSPC, False), (errno.EACCES, True)])
def test_every_write_may_fail(refusal, good, tmp_path, capfd, monkeypatch):
    code, is_there = refusal
    out = tmp_path / "out"
    words = ["compress", good.model, "--data", good.data, "--out", out, "--force"]
    words += ["--sparsity", "0.5", "--bits", "8", "--formats", "keras"]
    if is_there:
        out.mkdir()
        (out / FILE_NAME).write_text("of an earlier result")
    before = tree(tmp_path)
    number, is_done = 0, False
    tried: list[str] = []
    while not is_done:
        capfd.readouterr()
        with monkeypatch.context() as patch:
            tried = spoil(patch, number, code)
            result = main([str(word) for word in words])
        said, error = capfd.readouterr()
        is_done = result == 0
        if is_done:
            continue
        number += 1
        assert (result, said) == (2, ""), tried[-1]
        assert len(error.splitlines()) == 1, error
        assert os.strerror(code) in error
        assert tree(tmp_path) == before
    assert number == len(tried)
    assert {"_write", "mkdir", "rename", "writestr"} <= set(tried)
    assert {"model.keras", "recipe.yaml", FILE_NAME} <= set(tree(out))
