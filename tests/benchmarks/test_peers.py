"""The comparison with the peers, on stored results; no environment is made."""

import gzip
import json
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement

from benchmarks.peers import beside, inputs, measuring, pairing, published, roster
from benchmarks.peers.measuring import Answer, Record, Setting
from benchmarks.peers.places import REQUIREMENTS
from benchmarks.peers.subjects import workbench_files
from workbench.cli.flags import recipe_of
from workbench.cli.parser import parse
from workbench.core.recipe import Recipe

OWN = Record(roster.OWN, "1", "change of all kernels", "bench")
GIVEN = inputs.Inputs("lenet", Path(), Path("data.npz"), Path())
PEER = Record("litert-quantizer", "2", "static int8", "bench", 0.9, 1000, 800)


def stored(*records: Record) -> list[dict[str, Any]]:
    return [asdict(record) for record in records]


def session(**seconds: list[float]) -> Record:
    return replace(OWN, **seconds)


def test_the_session_is_held_against_the_fastest_peer() -> None:
    records = stored(
        session(
            interval_seconds=[0.02, 0.04, 0.03], within_seconds=[0.2], seconds=[0.5]
        ),
        replace(PEER, seconds=[0.7, 0.6, 0.9]),
        replace(PEER, setting="dynamic int8", seconds=[0.8]),
        replace(PEER, setting="dynamic int4"),
    )
    assert beside.fastest_peer(records, "bench")["setting"] == "static int8"
    first, within, exact = beside.sooner(records)
    assert first.times == pytest.approx(0.7 / 0.03)
    assert first.holds
    assert within.times == pytest.approx(3.5)
    assert not within.holds
    assert exact.times == pytest.approx(1.4)
    assert exact.holds


def test_the_table_of_seconds_shows_the_fastest_first_and_the_session_last() -> None:
    records = stored(
        session(interval_seconds=[0.05], within_seconds=[0.1], seconds=[0.2]),
        replace(PEER, seconds=[0.9]),
        replace(PEER, subject="keras", setting="int8", seconds=[0.5]),
        replace(PEER, model="cnn", seconds=[0.4]),
    )
    head, _, *lines = beside.speed_table(records)
    assert head.split(" | ")[1:] == ["bench", "cnn |"]
    assert lines[0] == "| litert-quantizer 2, static int8 | 0.900 s | 0.400 s |"
    assert lines[1] == "| keras 2, int8 | 0.500 s |  |"
    assert "first interval" in lines[2]
    assert "**0.050 s** (10.0x sooner)" in lines[2]
    assert len(lines) == 5


def own(accuracy: float, nbytes: int, model: str = "bench") -> Record:
    """The workbench's answer to `PEER`."""
    match = pairing.MATCHES[PEER.subject, PEER.setting]
    row = Record(roster.OWN, "1", match.setting, model, accuracy, nbytes, 500)
    return replace(row, note=match.format)


@pytest.mark.parametrize(
    ("accuracy", "nbytes", "holds"),
    [(0.9, 1000, True), (0.8988, 990, False), (0.91, 1020, False)],
)
def test_a_file_holds_if_no_less_accurate_and_no_larger(
    accuracy: float, nbytes: int, holds: bool
) -> None:
    records = stored(PEER, own(accuracy, nbytes))
    (pair,) = pairing.pairs(records)
    assert pair.holds == holds
    assert pair.sizes == (1000, nbytes)
    line = beside.files_table(records)[-1]
    ours = f"{100 * accuracy:.2f} % {nbytes:,}"
    theirs = "90.00 % 1,000<br>"
    assert line.endswith(theirs + (f"**{ours}** |" if holds else f"{ours} |"))


def test_sizes_of_one_kind_are_compared() -> None:
    zipped = pairing.Match("4 bits", "tflite", "coded_bytes")
    pair = pairing.Pair(asdict(PEER), asdict(own(0.9, 1000)), zipped)
    assert pair.sizes == (800, 500)
    stream = pairing.Match("4 bits", "wbz", "stream")
    assert replace(pair, match=stream).sizes == (1000, 1000)


def test_a_peer_without_a_counterpart_has_no_pair() -> None:
    assert pairing.pairs(stored(PEER, own(0.9, 1000, "cnn"))) == []
    other = replace(own(0.9, 1000), note="keras")
    assert pairing.pairs(stored(PEER, other)) == []


def test_the_readme_says_what_was_measured() -> None:
    text = published.README.read_text("utf-8")
    assert published.with_tables(text, published.published()) == text


def test_a_setting_is_warmed_up_and_timed_or_weighed(tmp_path: Path) -> None:
    calls: list[str] = []
    content = b"weights" * 100

    def change() -> Answer:
        calls.append("change")
        return Answer(0.5)

    def file() -> Answer:
        calls.append("file")
        return Answer(0.25, content)

    timed = inputs.Inputs("bench", tmp_path, tmp_path, tmp_path)
    settings = [Setting("a", change, file), Setting("b", change, is_timed=False)]
    (only,) = measuring.measure("numpy", timed, settings, repeats=3)
    assert calls == ["change"] * 4
    assert (only.setting, len(only.seconds), only.accuracy) == ("a", 3, None)
    given = replace(timed, is_timed=False)
    first, second = measuring.measure("numpy", given, settings, repeats=3)
    assert calls[4:] == ["file", "change"]
    assert (first.accuracy, first.file_bytes) == (0.25, len(content))
    assert first.coded_bytes == len(gzip.compress(content, 9, mtime=0))
    assert first.version == np.__version__
    assert (second.accuracy, second.file_bytes, list(second.seconds)) == (0.5, 0, [])


def test_a_coder_leaves_its_weights_to_be_scored(tmp_path: Path) -> None:
    given = inputs.Inputs("bench", tmp_path, tmp_path, tmp_path, is_timed=False)
    weights = (np.arange(3, dtype=np.float32), np.ones((2, 2), np.float32))
    answer = Answer(None, b"stream", weights)
    setting = Setting("qp -32", lambda: answer, is_coded=True)
    (record,) = measuring.measure("numpy", given, [setting], repeats=0)
    assert record.accuracy is None
    assert record.coded_bytes == record.file_bytes == len(b"stream")
    with np.load(measuring.weights_file(given, "qp -32")) as kept:
        for name, values in zip(kept.files, weights, strict=True):
            assert np.array_equal(kept[name], values)


def test_the_fastest_choice_is_taken(tmp_path: Path) -> None:
    given = inputs.Inputs("bench", tmp_path, tmp_path, tmp_path)
    steps = {100: 200_000, 250: 10, 500: 100_000}

    def run(size: int) -> int:
        return sum(range(steps[size]))

    assert measuring.fastest(given, run, tuple(steps)) == 250
    untimed = replace(given, is_timed=False)
    assert measuring.fastest(untimed, run, tuple(steps)) == 100


def test_every_subject_has_a_module_and_pins() -> None:
    for subject in roster.SUBJECTS:
        assert find_spec(f"benchmarks.peers.subjects.{subject.module}")
        if subject.environment is not None:
            folder = REQUIREMENTS
            wished = (folder / f"{subject.environment}.in").read_text("utf-8")
            pinned = (folder / f"{subject.environment}.txt").read_text("utf-8")
            lines = [line for line in wished.splitlines() if not line.startswith("#")]
            assert subject.package in {Requirement(line).name for line in lines}
            assert all(f"\n{line} " in pinned for line in lines)
            assert pinned.count("--hash=") > len(lines)


def test_every_match_names_what_is_measured() -> None:
    own = {(one.name, file) for one in workbench_files.SETTINGS for file in one.formats}
    own.add((workbench_files.AS_SMALL, "wbz"))
    packages = {subject.package for subject in roster.SUBJECTS}
    for (package, _), match in pairing.MATCHES.items():
        assert package in packages
        assert (match.setting, match.format) in own
        assert match.measure in pairing.MEASURES
        assert match.field in asdict(PEER)


def test_the_bytes_of_a_coder_are_wished_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench_files, "RESULTS", tmp_path)
    assert list(workbench_files.as_small_as_coded("cnn")) == []
    rows = [{"setting": name, "file_bytes": 1000} for name in ("qp -20", "qp -32")]
    text = json.dumps({"records": rows})
    (tmp_path / "nncodec-cnn-files.json").write_text(text, "utf-8")
    (own,) = workbench_files.as_small_as_coded("cnn")
    assert own.options == ("--size", "1000B")
    wish = parse(workbench_files.words(GIVEN, own, tmp_path), "en")
    assert not isinstance(wish, str)
    assert recipe_of(wish).wish is not None


@pytest.mark.parametrize("own", workbench_files.SETTINGS, ids=lambda own: own.name)
def test_the_command_line_understands_every_setting(
    own: workbench_files.Own, tmp_path: Path
) -> None:
    wish = parse(workbench_files.words(GIVEN, own, tmp_path), "en")
    assert not isinstance(wish, str)
    assert recipe_of(wish) != Recipe()
    assert wish.repair
    assert wish.formats == ",".join(own.formats)


def test_a_described_model_can_be_built_again(tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    model: Any = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255, offset=-0.5),
            layers.Conv2D(2, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9, epsilon=1e-2),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, activation="relu"),
            layers.MaxPooling2D(3, strides=2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.save(tmp_path / "tiny.keras")
    inputs.describe(tmp_path / "tiny.keras")
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1))
    np.savez(tmp_path / "data.npz", x_test=images.astype(np.uint8))
    given = inputs.Inputs("tiny", tmp_path, tmp_path / "data.npz", tmp_path)
    again = given.keras_2(keras)
    assert np.array_equal(model(given.images), again(given.images))
