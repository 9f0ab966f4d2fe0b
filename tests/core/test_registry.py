"""Registries find what is there, once, in an order of their own."""

import subprocess
import sys
from threading import Thread

import pytest

from workbench.core.errors import UserError
from workbench.core.registry import Registry
from workbench.core.step import TensorStep, steps


def test_the_methods_are_found_without_being_named():
    assert {"magnitude", "uniform"} <= set(steps)
    assert "magnitude" in steps
    assert "magnitud" not in steps
    assert issubclass(steps["magnitude"], TensorStep)


def test_an_unknown_name_says_what_is_there():
    with pytest.raises(UserError, match=r"no method 'svd9'; there are .*magnitude"):
        steps["svd9"]


def test_the_order_does_not_depend_on_what_was_imported_first():
    script = (
        "import workbench.methods.{}; from workbench.core.step import steps;"
        "print(*steps)"
    )
    orders = {
        subprocess.run(
            [sys.executable, "-c", script.format(first)],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for first in ("uniform", "magnitude")
    }
    assert len(orders) == 1
    assert orders.pop().split() == list(steps)


def test_threads_that_ask_at_once_see_everything(monkeypatch):
    found = Registry[object]("workbench.methods", "step")
    imported = []

    def slow():
        imported.append(1)
        found.add("thing")(object())

    monkeypatch.setattr(found, "_import", slow)
    seen = []
    threads = [Thread(target=lambda: seen.append(list(found))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [["thing"]] * 8
    assert imported == [1]


def test_a_module_may_look_up_while_it_registers(monkeypatch):
    found = Registry[object]("workbench.methods", "step")

    def enter():
        found.add("thing")(object())
        assert "thing" in found

    monkeypatch.setattr(found, "_import", enter)
    assert list(found) == ["thing"]


def test_a_failed_search_is_made_again(monkeypatch):
    found = Registry[object]("workbench.methods", "step")

    def fail():
        raise ImportError

    monkeypatch.setattr(found, "_import", fail)
    with pytest.raises(ImportError):
        list(found)
    monkeypatch.setattr(found, "_import", lambda: found.add("thing")(object()))
    assert list(found) == ["thing"]
