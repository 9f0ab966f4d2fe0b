"""A model's file that is damaged, or none, is said to be so."""

import zipfile

import h5py
import numpy as np
import pytest

from tests.core.keras_2 import entry, write_keras_2
from workbench import demo
from workbench.core.errors import UserError
from workbench.core.model_file import glance


def cut(path, tmp_path, length):
    damaged = tmp_path / path.name
    damaged.write_bytes(path.read_bytes()[:length])
    return damaged


@pytest.mark.parametrize("length", [4, 1000, -1000])
def test_a_cut_file_is_said_to_be_damaged(tmp_path, length):
    path, _ = demo.paths("lenet")
    with pytest.raises(UserError, match="damaged"):
        glance(cut(path, tmp_path, length))


def test_a_cut_legacy_file_is_said_to_be_damaged(tmp_path):
    path = tmp_path / "old.h5"
    write_keras_2(
        path, entry("Sequential", "s", layers=[]), {"a": {"b": np.ones(9999)}}
    )
    (tmp_path / "cut").mkdir()
    with pytest.raises(UserError, match="damaged"):
        glance(cut(path, tmp_path / "cut", 3000))


def test_flipped_bytes_are_found(tmp_path):
    path, _ = demo.paths("lenet")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 0xFF
    damaged = tmp_path / "flipped.keras"
    damaged.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        _ = glance(damaged).weights


@pytest.mark.parametrize(
    "config", ["", "{", "[]", "null", '{"class_name": "Functional"}']
)
def test_a_broken_configuration_is_said_to_be_damaged(tmp_path, config):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(UserError, match="damaged"):
        glance(path)


def test_what_is_no_model_is_said_so(tmp_path):
    with pytest.raises(UserError, match="must exist"):
        glance(tmp_path / "none.keras")
    with pytest.raises(UserError, match="folder"):
        glance(tmp_path)
    other = tmp_path / "letter.keras"
    other.write_text("Dear Sir")
    with pytest.raises(UserError, match="written by Keras"):
        glance(other)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("letter.txt", "Dear Sir")
    with pytest.raises(UserError, match="written by Keras"):
        glance(other)
    weights = tmp_path / "model.weights.h5"
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"] = np.ones((2, 2), np.float32)
    with pytest.raises(UserError, match="only weights"):
        glance(weights)
