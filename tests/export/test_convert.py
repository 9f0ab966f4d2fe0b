"""The converter's process: whatever it does, one sentence comes of it."""

import sys
from pathlib import Path

import keras
import pytest

from workbench.core.errors import UserError
from workbench.export.artifact import Stopped
from workbench.export.convert import convert
from workbench.export.flat_model import FlatModel
from workbench.export.run import Runtime


def python(code: str) -> tuple[str, ...]:
    """A process that runs some code in place of the converter."""
    return (sys.executable, "-c", code)


def test_a_process_of_its_own_converts(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.export(tmp_path / "saved", verbose=False)
    # Not the very words that the tests have forked at once.
    command = (sys.executable, "-X", "utf8", "-m", "workbench.export.convert")
    convert(tmp_path / "saved", tmp_path / "f", command=command)
    assert list(FlatModel((tmp_path / "f").read_bytes()).stored_types()) == ["float32"]


def test_a_crash_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        convert(tmp_path, tmp_path / "f", command=python("import os; os.abort()"))
    assert caught.value.key == "export.crashed"
    assert "\n" not in str(caught.value)
    assert "keras" in caught.value.text("zh")


def test_a_success_without_a_file_is_a_crash(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        convert(tmp_path, tmp_path / "f", command=python("pass"))
    assert caught.value.key == "export.crashed"


def test_it_may_not_take_forever(tmp_path: Path) -> None:
    command = python("import time; time.sleep(600)")
    with pytest.raises(UserError) as caught:
        convert(tmp_path, tmp_path / "f", command=command, seconds=0.2)
    assert caught.value.key == "export.slow"


def test_operators_that_litert_lacks_are_named(tmp_path: Path) -> None:
    said = "error: failed\\n\\ttf.Erfinv(tensor<?xf32>)\\n\\ttf.Betainc(tensor<f32>)"
    command = python(f"import sys; print('''{said}'''); sys.exit(3)")
    with pytest.raises(UserError) as caught:
        convert(tmp_path, tmp_path / "f", command=command)
    assert caught.value.key == "export.unsupported"
    assert caught.value.values["operations"] == "Betainc, Erfinv"


def test_another_refusal_gives_its_last_line(tmp_path: Path) -> None:
    command = python("import sys; print('first\\nthe reason.'); sys.exit(3)")
    with pytest.raises(UserError, match=r"\(the reason\)"):
        convert(tmp_path, tmp_path / "f", command=command)


def test_cancelling_does_not_wait_for_the_process(tmp_path: Path) -> None:
    mark = tmp_path / "started"
    code = f"import time; open({str(mark)!r}, 'w').close(); time.sleep(600)"
    with pytest.raises(Stopped):
        convert(tmp_path, tmp_path / "f", command=python(code), should_stop=mark.exists)


def test_a_crash_of_the_runtime_is_one_sentence(tmp_path: Path) -> None:
    command = python("import os; os.abort()")
    with (
        Runtime(tmp_path / "f", command=command) as runtime,
        pytest.raises(UserError) as caught,
    ):
        runtime.latency([])
    assert caught.value.key == "export.runtime_crashed"


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.tflite"
    file.write_bytes(b"nothing of the kind")
    with Runtime(file) as runtime, pytest.raises(UserError) as caught:
        runtime.latency([])
    assert caught.value.key == "export.runtime_refused"
