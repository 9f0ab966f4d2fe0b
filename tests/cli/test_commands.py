"""What the commands print: one JSON object, or words; and how they end."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from workbench import serve
from workbench.cli import compress, main
from workbench.cli.voice import Report, Voice, plain, table


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("LANG", "C")

    def run(*words):
        assert main([*map(str, words), "--json"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return json.loads(out)

    return run


SETTINGS = ["--sparsity", "0.5", "--bits", "8", "--formats", "keras"]


def test_doctor_lists_every_tensor(files, run):
    found = run("doctor", files[0])
    assert [tensor["path"] for tensor in found["tensors"]] == [
        "hidden/kernel",
        "head/kernel",
        "hidden/bias",
        "head/bias",
    ]
    bias = found["tensors"][2]
    assert (bias["can"], bias["macs"], bias["shape"]) == (False, 0, [8])
    assert "no weight matrix" in bias["reason"]
    first = found["tensors"][0]
    assert first["shape"] == [12, 8]
    assert (first["kind"], first["parameters"], first["macs"]) == ("dense", 96, 96)
    assert (first["can"], first["reason"]) == (True, None)
    totals = found["totals"]
    assert totals["parameters"] == totals["kernels"] + totals["others"] == 131
    assert totals["macs"] == 120


def test_evaluate_tells_the_score_and_its_interval(files, run):
    model, data = files
    found = run("evaluate", model, "--data", data)
    assert found["low"] < found["score"] < found["high"]
    assert found["seen"] == found["total"] == 96
    assert found["metric"] == {"name": "accuracy", "higher_is_better": True}
    few = run("evaluate", model, "--data", data, "--limit", "10")
    assert (few["seen"], few["total"]) == (10, 96)


def test_a_metric_of_the_user_has_its_direction(files, tmp_path, capsys):
    (tmp_path / "own.py").write_text(
        "def distance(y_true, y_pred):\n"
        "    print('looking')\n"
        "    return 1 - y_pred[range(len(y_true)), y_true]\n"
    )
    model, data = files
    metric = ["--metric", f"{tmp_path / 'own.py'}:distance", "--lower-is-better"]
    assert main(["evaluate", model, "--data", data, *metric, "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["metric"] == {"name": "distance", "higher_is_better": False}
    assert 0 < found["score"] < 1
    assert set(err.split()) == {"looking"}


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


def test_a_process_prints_one_object_and_no_chatter(files):
    words = [sys.executable, "-m", "workbench", "evaluate", files[0]]
    done = subprocess.run(
        [*words, "--data", files[1], "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    assert json.loads(done.stdout)["total"] == 96
    assert done.stderr == ""


def test_the_command_line_starts_without_tensorflow():
    code = "import sys, workbench.cli; print({'tensorflow', 'keras'} & {*sys.modules})"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_dashboard_and_lab_pass_their_options_on(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(serve, "dashboard", lambda *a, **k: calls.append((a, k)) or 0)
    monkeypatch.setattr(serve, "lab", lambda *a, **k: calls.append((a, k)) or 0)
    assert main(["dashboard", "lenet", "--no-browser", "--lang", "zh"]) == 0
    (model, data), options = calls.pop()
    assert (model, data) == (None, None)
    assert options["environment"] == {serve.MODEL_VARIABLE: "lenet"}
    assert (options["open_browser"], options["lang"]) == (False, "zh")
    assert main(["lab", "--folder", str(tmp_path), "--port", "9999"]) == 0
    (folder,), options = calls.pop()
    assert (folder, options["port"]) == (tmp_path, 9999)


def test_data_tells_where_it_is(monkeypatch, run, tmp_path):
    def fetch(folder, target):
        target.write_bytes(b"1234")
        return target

    monkeypatch.setattr("workbench.demo.fashion_mnist.fetch", fetch)
    found = run("data", "fashion-mnist", "--out", tmp_path / "full.npz")
    assert found == {"path": str(tmp_path / "full.npz"), "bytes": 4}


def test_numbers_that_are_none_are_null():
    values = {"a": float("nan"), "b": np.float32(1.5), "c": [np.int64(2), float("inf")]}
    assert plain(values) == {"a": None, "b": 1.5, "c": [2, None]}
    assert json.loads(Report(values, []).json()) == {
        "a": None,
        "b": 1.5,
        "c": [2, None],
    }


def test_progress_is_shown_on_a_terminal_alone(capsys, monkeypatch):
    voice = Voice()
    voice.progress("Measuring", 0.5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    voice.progress("Measuring", 0.5)
    voice.clear()
    said = capsys.readouterr().err
    assert "[############............]  50% Measuring" in said
    assert said.endswith("\r\x1b[K")


def test_tables_align():
    assert table([["a", "b"], ["中文", "c"]]) == ["a     b", "中文  c"]
