"""The command ``scan``: each kernel alone, as JSON and as a table."""

import json

from workbench.cli import main
from workbench.core.compress import compress
from workbench.core.edit import set_knobs
from workbench.core.recipe import Recipe
from workbench.core.sensitivity import LEVELS
from workbench.engine.evaluator import Evaluator
from workbench.engine.workload import open_workload


def test_every_change_is_that_of_the_kernel_alone(files, capsys):
    assert main(["scan", files[0], "--data", files[1], "--knob", "bits", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["levels"] == list(LEVELS["bits"])
    workload = open_workload(*files)
    assert list(found["changes"]) == [site.path for site in workload.sites]
    evaluator = Evaluator(workload)
    for path, changes in found["changes"].items():
        recipe = set_knobs(Recipe(), "uniform", path, bits=2)
        network = compress(
            workload.sites, workload.weights, recipe, digests=workload.digests
        )
        *_, alone = evaluator.run(network)
        assert alone.difference is not None
        assert changes[-1] == alone.difference.value


def test_people_read_what_is_lost(files, capsys, monkeypatch):
    monkeypatch.setenv("LANG", "C")
    assert main(["scan", files[0], "--data", files[1]]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[2:] == [f"{level:.0%}" for level in LEVELS["sparsity"]]
    assert [row.split()[0] for row in rows] == ["hidden/kernel", "head/kernel"]
    assert all("-0.00" not in row for row in rows)


def test_another_knob_is_one_sentence(files, capsys, monkeypatch):
    monkeypatch.setenv("LANG", "C")
    assert main(["scan", files[0], "--data", files[1], "--knob", "rank"]) == 2
    _, err = capsys.readouterr()
    assert len(err.splitlines()) == 1
    assert "sparsity, bits" in err
