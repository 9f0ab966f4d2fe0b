"""What a scan tries, and what it knows so far."""

import numpy as np
import pytest

from workbench.core.sensitivity import LEVELS, Scan
from workbench.core.tensor import Site

SITES = (
    Site("a/kernel", "dense", (4, 5), (1,)),
    Site("b/kernel", "dense", (5, 2), (1,), reason="doctor.other"),
    Site("c/kernel", "dense", (5, 2), (1,)),
)


@pytest.mark.parametrize("knob", sorted(LEVELS))
def test_every_kernel_that_can_is_compressed_alone_at_every_level(knob):
    scan = Scan.of(knob, SITES)
    assert scan.paths == ("a/kernel", "c/kernel")
    tried = list(scan.recipes())
    assert len(tried) == 2 * len(LEVELS[knob]) == 2 * 8
    assert len({recipe for _, _, recipe in tried}) == len(tried)
    for path, level, recipe in tried:
        (plan,) = recipe.plans
        assert plan.target == path
        (step,) = recipe.steps_for(path)
        assert getattr(step, knob) == level
        assert not recipe.steps_for("d/kernel")


def test_what_is_not_known_yet_is_no_number():
    scan = Scan.of("bits", SITES)
    assert scan.done == 0
    assert np.isnan(scan.changes_by_kernel).all()
    more = scan.with_change("c/kernel", 4, -0.25)
    assert more.done == 1 / 16
    assert scan.done == 0
    known = np.argwhere(np.isfinite(more.changes_by_kernel))
    assert known.tolist() == [[1, LEVELS["bits"].index(4)]]
    assert np.nanmin(more.changes_by_kernel) == -0.25


def test_a_model_without_such_kernels_is_done_at_once():
    scan = Scan.of("sparsity", ())
    assert scan.changes_by_kernel.shape == (0, 8)
    assert list(scan.recipes()) == []
