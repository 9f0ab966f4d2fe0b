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
CLOSE = """
for each in list(globals().values()):
    if hasattr(each, "session"):
        each.session.close()
"""

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
    "04-factorization": {
        "count": "250 * (784 + 300)",
        "even": "216",
        "naive": "0.8",
        "kernel": "'scores/kernel'",
        "aware": "0.85",
        "distance": "'farther'",
        "limit": "0.2",
        "tucker": "64 * 32 + 9 * 32 * 48 + 48 * 96",
        "windows": "'tucker'",
    },
    "05-clustering": {
        "indexes": "235_200 // 2 + 16 * 4",
        "placing": "0.7",
        "fewest": "4",
        "zeros": "0",
        "zipped": "0.2",
        "bound": "0.972",
        "goal": "0.82",
        "goal.clusters": "6",
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


class Kernel:
    """A running kernel that executes one cell after the other."""

    def __init__(self, client):
        self._client = client

    def run(self, source):
        """What a cell shows, in every form that it shows it in; it must not fail."""
        cell = nbformat.v4.new_code_cell(source)
        self._client.nb = nbformat.v4.new_notebook(cells=[cell])
        self._client.execute_cell(cell, 0)  # raises what the cell raises
        assert [o for o in cell.outputs if o.get("name") == "stderr"] == [], source
        return html(cell)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """One kernel for all notebooks: each begins without the names of the others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(tmp_path_factory.mktemp("home")))
        client = NotebookClient(
            nbformat.v4.new_notebook(),
            timeout=TIMEOUT_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(FOLDER)}},
        )
        with client.setup_kernel():
            yield Kernel(client)


@pytest.fixture
def fresh(kernel):
    yield kernel
    kernel.run(CLOSE)
    kernel.run("%reset -f")


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


def answered(cell, answers):
    """A cell with answers in the place of the dots."""

    def typed(match):
        name = match.group(1)
        return f"{name} = {answers.get(f'{cell.id}.{name}', answers[cell.id])}"

    return re.sub(r"(\w+) = \.\.\.", typed, cell.source)


def test_every_notebook_is_executed():
    executed = [FOLDER / "dashboard.ipynb", *IN_ENGLISH, *map(in_chinese, IN_ENGLISH)]
    assert sorted(executed) == NOTEBOOKS


@pytest.mark.slow
def test_the_dashboard_runs_whole(fresh):
    cells = code(read(FOLDER / "dashboard.ipynb"))
    *_, shown = [fresh.run(cell.source) for cell in cells]
    assert "VBox" in shown, shown


@pytest.mark.slow
@pytest.mark.parametrize("path", IN_ENGLISH, ids=lambda path: path.name)
def test_a_lesson_runs_whole_in_both_languages(path, fresh):
    """Cell by cell: the Chinese one, the English one, then it with the right answer.

    The code is the same but for the language, so that one opened model serves both.
    """
    pairs = zip(code(read(path)), code(read(in_chinese(path))), strict=True)
    total, shown = 0, ""
    for one, other in pairs:
        if "dashboard(" in one.source:
            fresh.run(one.source)
            continue
        state = "missing" if is_asked(one) else "shown"
        for lang, cell in (("zh", other), ("en", one)):
            fresh.run(f"lesson.session.lang = {lang!r}")
            shown = fresh.run(cell.source)
            if "await lesson." in cell.source:
                assert f'data-state="{state}"' in shown, shown
            if is_asked(cell):
                assert say("lesson.missing", lang) in shown, cell.id
        if is_asked(one):
            state = "right" if "lesson.check" in one.source else "shown"
            shown = fresh.run(answered(one, ANSWERS[path.stem]))
            assert f'data-state="{state}"' in shown, shown
            total += state == "right"
    assert say("lesson.summary", done=total, total=total) in shown
