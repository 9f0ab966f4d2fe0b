"""The command ``compress``: what it writes, what it tells, and how it ends."""

import json
import os

import keras
import numpy as np
import pytest

from workbench.cli import compress, main

SETTINGS = ["--sparsity", "0.5", "--bits", "8", "--formats", "keras"]


def test_compress_tells_sizes_and_accuracy(files, run, tmp_path):
    model, data = files
    out = tmp_path / "out"
    found = run("compress", model, "--data", data, "--out", out, *SETTINGS)
    assert found["original"]["difference"] is None
    before = found["before"]
    assert set(before["difference"]) == {"value", "low", "high"}
    assert before["seen"] == before["total"] == 96
    assert before["provenance"] == "simulated"
    gap = before["score"] - found["original"]["score"]
    assert before["difference"]["value"] == pytest.approx(gap)
    assert found["after"] is None
    assert found["sparsity"] == pytest.approx(0.5, abs=0.01)
    assert [tensor["bits"] for tensor in found["tensors"]] == [8, 8]
    assert all(tensor["skipped"] is None for tensor in found["tensors"])
    assert found["sizes"]["packed"]["provenance"] == "estimated"
    assert found["sizes"]["packed"]["bytes"] < found["sizes"]["original"]["bytes"]
    (file,) = found["files"]
    assert file["bytes"] == os.path.getsize(file["path"])  # noqa: PTH202
    assert (file["format"], file["provenance"]) == ("keras", "in file")
    assert file["notes"]
    recipe = (out / "recipe.yaml").read_text("utf-8")
    assert json.loads((out / "resolved.json").read_text("utf-8"))
    again = tmp_path / "again"
    (tmp_path / "recipe.yaml").write_text(recipe, "utf-8")
    words = ["--recipe", tmp_path / "recipe.yaml", "--formats", "keras"]
    repeated = run("compress", model, "--data", data, "--out", again, *words)
    assert repeated["before"] == before


def test_a_size_that_no_level_reaches_is_told(files, run, tmp_path):
    model, data = files
    words = ["--formats", "wbz", "--out", tmp_path / "out"]
    found = run("compress", model, "--data", data, "--size", "20", *words)
    (file,) = found["files"]
    assert file["bytes"] > 20
    (said,) = found["findings"]
    assert "20 B" in said
    reached = run("compress", model, "--data", data, "--size", "1MB", *words, "--force")
    assert not reached["findings"]


def test_a_retraining_that_loses_is_told(files, run, tmp_path):
    model, data = files
    wrong = tmp_path / "wrong.npz"
    with np.load(data) as arrays:
        # What it learns from now on is something else.
        np.savez(wrong, **{**arrays, "y_train": (arrays["y_train"] + 1) % 3})
    words = ["--sparsity", "0.1", "--retrain", "4", "--batch-size", "16"]
    words += ["--formats", "keras", "--force", "--out", tmp_path / "out"]
    for source in (data, wrong):
        found = run("compress", model, "--data", source, *words)
        is_worse = found["after"]["score"] < found["before"]["score"]
        assert bool(found["findings"]) == is_worse
    assert is_worse


def test_a_file_of_quantized_activations_has_its_own_score(files, run, tmp_path):
    model, data = files
    words = [*SETTINGS, "--activation-bits", "4", "--bits", "2"]
    out = tmp_path / "out"
    found = run("compress", model, "--data", data, "--out", out, *words)
    (file,) = found["files"]
    again = run("evaluate", file["path"], "--data", data)
    assert again["score"] == file["score"]


def test_what_a_format_cannot_write_is_said_before_the_long_work(
    files, tmp_path, capsys
):
    # So long that it would not end: it is not begun.
    wish = ["--retrain", "1000", "--formats", "keras,tflite-int8"]
    out = str(tmp_path / "out")
    words = [*wish, "--activation-bits", "6", "--out", out]
    assert main(["compress", files[0], "--data", files[1], *words]) == 2
    assert "has 6" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_format_that_does_not_hold_a_model_does_not_cost_the_others(tmp_path, capsys):
    given = keras.Input((3,), dtype="int64", name="numbers")
    looked_up = keras.layers.IntegerLookup(vocabulary=[4, 5, 6])(given)
    table = keras.layers.Embedding(4, 2, name="table")(looked_up)
    flat = keras.layers.Flatten()(table)
    model = keras.Model(given, keras.layers.Dense(2, "softmax")(flat))
    model.save(tmp_path / "model.keras")
    rng = np.random.default_rng(0)
    x, y = rng.integers(4, 7, (20, 3)), rng.integers(0, 2, 20)
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    words = ["compress", tmp_path / "model.keras", "--data", tmp_path / "data.npz"]
    words += [*SETTINGS, "--formats", "tflite,keras", "--out", tmp_path / "out"]
    assert main([*map(str, words), "--json"]) == 2
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert [file["format"] for file in found["files"]] == ["keras"]
    (missing,) = found["left_out"]
    assert missing["format"] == "tflite"
    assert missing["reason"] in said.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "model.keras",
        "recipe.yaml",
        "resolved.json",
        "report.html",
    }
    assert missing["reason"] in (tmp_path / "out" / "report.html").read_text("utf-8")
    # Where no format holds it, nothing is there.
    words = [*words[:-3], "tflite", "--out", tmp_path / "none"]
    assert main([*map(str, words)]) == 2
    assert capsys.readouterr().err.strip() == missing["reason"]
    assert not (tmp_path / "none").exists()


def test_force_replaces_an_earlier_result(files, run, tmp_path):
    model, data = files
    out = tmp_path / "out"
    words = ["compress", model, "--data", data, "--out", out, *SETTINGS]
    run(*words)
    (out / "old.txt").write_text("old")
    run(*words, "--force")
    assert not (out / "old.txt").exists()


def test_people_read_words(files, tmp_path, capsys):
    model, data = files
    words = ["compress", model, "--data", data, "--out", str(tmp_path / "out")]
    assert main([*words, *SETTINGS, "--lang", "zh"]) == 0
    out = capsys.readouterr().out
    assert "原始模型" in out
    assert "model.keras" in out
    # What is to be known of a file is not for scripts alone.
    assert any(line.startswith("model.keras: ") for line in out.splitlines())
    assert main(["doctor", model, "--lang", "en"]) == 0
    assert "hidden/kernel  dense" in capsys.readouterr().out


def test_ctrl_c_leaves_nothing(files, tmp_path, capsys, monkeypatch):
    def stop(self, *args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(compress.Session, "save", stop)
    model, data = files
    words = ["compress", model, "--data", data, "--out", str(tmp_path / "out")]
    assert main([*words, *SETTINGS]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_within_an_export_leaves_nothing(files, tmp_path, monkeypatch):
    def stop(path, content):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.core.store._write", stop)
    model, data = files
    words = ["compress", model, "--data", data, "--out", str(tmp_path / "out")]
    assert main([*words, *SETTINGS]) == 130
    assert list(tmp_path.iterdir()) == []
