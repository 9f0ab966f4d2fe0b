"""Every notebook: clean as committed, whole when executed, in step in each language."""

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from workbench.text import say

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.name[0].isdigit()]
IN_ENGLISH = [path for path in LESSONS if not path.name.endswith(".zh.ipynb")]
PUBLIC = {"workbench", "workbench.lessons"}
MOST_LINES = 15
CHINESE = re.compile(r"[\u4e00-\u9fff]")
TIMEOUT_SECONDS = 300

# Right answers to the exercises of each lesson, as a learner would type them.
ANSWERS = {
    "01-pruning": {
        "share": "0.3",
        "half": "0.043",
        "file": "0",
        "left": "0.8",
        "limit": "0.55",
        "scope": "'global'",
        "recovery": "0.7",
        "survivors": "26620",
        "step": "abs(kernel).max() / 7",
        "goal": "0.65",
        "goal.bits": "4",
    },
    "02-quantization": {
        "levels": "7",
        "naive": "0.8",
        "zeros": "(abs(kernel) < abs(kernel).max() / 3 / 2).mean()",
        "plain": "5",
        "granularity": "'channel'",
        "step": "1.2 * kernel.std()",
        "feedback": "0.85",
        "distance": "'farther'",
        "repaired": "3",
    },
    "03-structure": {
        "masked": "266200",
        "units": "150",
        "score": "'obs'",
        "repair": "0.87",
        "limit": "0.8",
    },
}


def read(path):
    return nbformat.read(path, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def language(path):
    return "zh" if path.name.endswith(".zh.ipynb") else "en"


def in_chinese(path):
    return path.with_name(path.name.replace(".ipynb", ".zh.ipynb"))


def executed(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
    )
    return client.execute()


def html(cell):
    """What a cell shows, in every form that it shows it in."""
    return "".join(
        data
        for output in cell.outputs
        for kind, data in output.get("data", {}).items()
        if kind.startswith("text/")
    )


def is_asked(cell):
    return re.search(r"= \.\.\.", cell.source) is not None


def test_there_is_a_dashboard_and_every_lesson_has_answers():
    assert FOLDER / "dashboard.ipynb" in NOTEBOOKS
    assert {path.stem for path in IN_ENGLISH} == ANSWERS.keys()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_committed_without_outputs(path):
    notebook = read(path)
    nbformat.validate(notebook)
    for cell in code(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None
    assert json.loads(path.read_text("utf-8"))["metadata"].keys() == {
        "kernelspec",
        "language_info",
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_cells_are_short_and_named(path):
    cells = read(path).cells
    assert len({cell.id for cell in cells}) == len(cells)
    for cell in cells:
        assert len(cell.source.splitlines()) <= MOST_LINES, cell.id
        assert re.fullmatch("[a-z-]+", cell.id)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_only_the_public_interface_is_used(path):
    for cell in code(read(path)):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom):
                assert node.module in PUBLIC
            elif isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= PUBLIC
            elif isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_")


@pytest.mark.parametrize("path", IN_ENGLISH, ids=lambda path: path.name)
def test_both_languages_are_in_step(path):
    ours, theirs = read(path).cells, read(in_chinese(path)).cells
    names = [[(cell.id, cell.cell_type) for cell in cells] for cells in (ours, theirs)]
    assert names[0] == names[1]
    for one, other in zip(ours, theirs, strict=True):
        if one.cell_type == "code":
            same = ast.dump(ast.parse(one.source)).replace("'en'", "'zh'")
            assert ast.dump(ast.parse(other.source)) == same, one.id
        else:
            for mark in (r"^#+ ", r"^- ", r"`[^`]+`"):
                found = [
                    re.findall(mark, cell.source, re.MULTILINE) for cell in (one, other)
                ]
                assert found[0] == found[1], one.id
            assert CHINESE.search(other.source), other.id
        assert not CHINESE.search(one.source), one.id


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_whole(path, tmp_path, monkeypatch):
    done = executed(read(path), tmp_path, monkeypatch)
    for cell in code(done):
        assert [o for o in cell.outputs if o.output_type == "error"] == []
        assert [o for o in cell.outputs if o.get("name") == "stderr"] == [], cell.id
    for cell in filter(is_asked, code(done)):
        assert say("lesson.missing", language(path)) in html(cell), cell.id
    shown = [cell for cell in code(done) if "await lesson." in cell.source]
    for cell in shown:
        state = "missing" if is_asked(cell) else "shown"
        assert f'data-state="{state}"' in html(cell), html(cell)


@pytest.mark.slow
@pytest.mark.parametrize("path", IN_ENGLISH, ids=lambda path: path.name)
def test_right_answers_are_found_right(path, tmp_path, monkeypatch):
    notebook = read(path)
    answers = ANSWERS[path.stem]
    for cell in filter(is_asked, code(notebook)):
        if "bits = ..." in cell.source:
            bits = f"bits = {answers[f'{cell.id}.bits']}"
            cell.source = cell.source.replace("bits = ...", bits)
        cell.source = cell.source.replace("= ...", f"= {answers[cell.id]}")
    done = executed(notebook, tmp_path, monkeypatch)
    for cell in code(done):
        if "lesson.check" in cell.source:
            assert 'data-state="right"' in html(cell), html(cell)
        elif "lesson.reveal" in cell.source:
            assert 'data-state="shown"' in html(cell), html(cell)
    total = sum("lesson.check" in cell.source for cell in code(done))
    assert say("lesson.summary", done=total, total=total) in html(code(done)[-1])
