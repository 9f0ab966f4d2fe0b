"""How near retraining brings the demo CNN, four fifths pruned and at 4 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.bench.benchmark import Result, benchmarks
from workbench.core.presets import PRESETS
from workbench.core.recipe import Retraining

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.bench.benchmark import Say


@benchmarks.add("recover")
def recover(say: Say) -> Iterator[Result]:
    """Retrain with the defaults, as the dashboard does."""
    from workbench.session import Session

    recipe = PRESETS["aggressive"]
    say("open")
    session = Session("cnn", recipe=recipe, is_kept=False)
    say("retrain")
    session.retrain(Retraining())
    now = session.snapshot()
    before, after = now.before, now.after
    assert before is not None, "The session has compressed."
    assert after is not None, "The session has retrained."
    gap = after.measurement and after.measurement.difference
    assert gap is not None, "The demo has test data."
    yield Result("sparsity", after.network.sparsity, 0.799, "of 1", is_limit=False)
    yield Result("retraining_seconds", session.progress[-1].seconds, 60.0, "s")
    yield Result("points_lost", -100 * gap.value, 0.5, "points")
    revived = sum(
        np.count_nonzero(after.network.tensors[path].dense[~tensor.mask])
        for path, tensor in before.network.tensors.items()
        if tensor.mask is not None
    )
    yield Result("pruned_weights_revived", float(revived), 0, "weights")
