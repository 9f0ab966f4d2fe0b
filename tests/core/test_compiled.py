"""Loops are compiled when they are called first, and Numba is loaded then."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from workbench.core.compiled import Loop, compiled

_ours = compiled(nogil=True)


@_ours
def _sum_of_squares(values):
    total = 0.0
    for value in values:
        total += _square(value)
    return total


@_ours
def _square(value):
    return value * value


def test_loops_that_call_each_other_are_compiled_together():
    first = _sum_of_squares
    assert isinstance(first, Loop)
    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(first, [np.arange(4.0)] * 8))
    assert sums == [14.0] * 8
    assert hasattr(_sum_of_squares, "py_func")
    assert hasattr(_square, "py_func")
    assert first(np.arange(3.0)) == 5.0


def test_no_loop_has_a_compiled_name_before_all_have_one():
    names: dict[str, Any] = {}
    exec("def outer(): return inner()\n\ndef inner(): return 3", names)
    seen: list[bool] = []

    class Watched(Loop):
        def compiled(self) -> Any:
            seen.append(all(isinstance(names[n], Loop) for n in ("outer", "inner")))
            return self._function

    for name in ("outer", "inner"):
        names[name] = Watched(names[name], {})
    assert names["outer"]() == 3
    assert seen == [True, True]


# What the first chart asks of a model that nothing has happened to.
LOOK = """
import sys
import numpy as np
import workbench.app
from workbench.core.cost import sizes
from workbench.core.index import index_of
from workbench.core.network import Network
from workbench.core.tallies import cut_of, nonzeros_between
from workbench.core.tensor import CompressedTensor

weights = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
tensor = CompressedTensor.of(weights)
edges = np.linspace(-1, 1, 9)
sizes(Network({"a": tensor}, {"a": ""}), 0)
index_of(weights).histogram(edges)
nonzeros_between(tensor.dense, edges)
cut_of(tensor, weights)
print("numba" in sys.modules)
"""


def test_nothing_is_compiled_for_a_look_at_weights():
    done = subprocess.run(
        [sys.executable, "-c", LOOK], capture_output=True, check=True, text=True
    )
    assert done.stdout.split() == ["False"]
