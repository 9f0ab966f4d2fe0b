"""What the benchmark of large models holds a session to."""

from workbench.bench.large import _results

OURS = {
    "chart": 1.0,
    "accuracy": 18.0,
    "exact": 4.0,
    "meanwhile": 12.0,
    "late_p99": 0.008,
    "late_most": 0.2,
    "rows": 4,
    "cache": 1000,
    "peak": 5000,
}
USUAL = {"load": 5.0, "evaluate": 5.0, "peak": 2000, "weights": 800}


def held(**changes):
    return {r.name: (r.value, r.holds) for r in _results("m", OURS | changes, USUAL)}


def test_memory_is_what_is_above_a_forward_pass():
    assert held()["m.memory"] == (1.0, True)
    assert held(peak=5001)["m.memory"][1] is False


def test_times_are_those_of_plain_keras():
    found = held()
    assert found["m.first_accuracy"] == (1.8, True)
    assert found["m.exact"] == (0.8, True)
    assert found["m.meanwhile"] == (2.4, False)
    assert found["m.late_p99"] == (8.0, True)
