"""What the commands print: one JSON object, or words; and how they end."""

import json
import subprocess
import sys

import numpy as np

from workbench import serve
from workbench.cli import main
from workbench.cli.voice import Report, Voice, plain, table


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
