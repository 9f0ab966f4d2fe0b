"""What factors and codebooks cost the demo models, with calibration and without it.

No training: every kernel that can be has so much of its weights left as factors, or so
many values to share. With calibration factors are data-aware, and codebooks are
repaired as the switch for all repair does it. Calibrated on training data and measured
on test data, for the perceptron as the mean over several draws of the calibration
samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING

from workbench.bench.benchmark import Result, benchmarks
from workbench.bench.points import lost
from workbench.core.edit import EVERYTHING, set_knobs, set_repair
from workbench.core.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.bench.benchmark import Say
    from workbench.session import Session

MODELS = ("lenet", "cnn", "lstm")
SEEDS = (0, 1, 2)
SHARES = {"half": 1 / 2, "quarter": 1 / 4}
CLUSTERS = (2, 4, 8, 16, 32)
# Of more points that the plain form loses, half must come back.
WORTH_REPAIRING = 1.0


@dataclass(frozen=True)
class Form:
    """A step at one level, as it is without calibration and with it."""

    name: str
    step: str
    level: Mapping[str, float]

    def recipe(self, *, is_aware: bool, seed: int = 0) -> Recipe:
        """The form as a recipe for every kernel."""
        wish = set_knobs(Recipe(seed=seed), self.step, EVERYTHING, **self.level)
        if self.step == "clustering":
            return set_repair(wish, is_on=is_aware)
        return set_knobs(wish, self.step, EVERYTHING, data_aware=is_aware)


@benchmarks.add("factors")
def factors(say: Say) -> Iterator[Result]:
    """Factorize and cluster each model, plainly and by what calibration saw."""
    from workbench.session import Session

    for model in MODELS:
        seeds = SEEDS if model == "lenet" else SEEDS[:1]
        sessions: list[Session] = []
        for seed in seeds:
            say(f"{model} {seed}")
            sessions.append(Session(model, recipe=Recipe(seed=seed), is_kept=False))
        for form in _forms(has_windows=model == "cnn"):
            yield _compared(sessions, model, form)
        for session in sessions:
            session.close()


def _forms(*, has_windows: bool) -> Iterator[Form]:
    names = ("svd", "tucker") if has_windows else ("svd",)
    for step in names:
        for name, share in SHARES.items():
            yield Form(f"{step}.{name}", step, {"rank": share})
    for clusters in CLUSTERS:
        yield Form(f"clustering.{clusters}", "clustering", {"clusters": clusters})


def _compared(sessions: list[Session], model: str, form: Form) -> Result:
    """Points lost with calibration, beside those lost without."""
    plain = lost(sessions[0], form.recipe(is_aware=False))
    aware = mean(
        lost(session, form.recipe(is_aware=True, seed=session.recipe.seed))
        for session in sessions
    )
    limit = max(plain / 2, WORTH_REPAIRING)
    return Result(f"{model}.{form.name}", aware, limit, f"points of {plain:.2f}")
