"""The tutorials' mistakes, each beside its right form at the same level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.edit import set_knobs
from workbench.core.errors import UserError
from workbench.core.presets import MISTAKES
from workbench.core.recipe import Recipe
from workbench.lessons import figures, trial
from workbench.lessons.feedback import Feedback
from workbench.text import say

if TYPE_CHECKING:
    from workbench.core.snapshot import Outcome
    from workbench.core.tensor import CompressedTensor
    from workbench.session import Session

RIGHT: dict[str, Recipe] = {
    "step_of_bits": set_knobs(Recipe(), "uniform", bits=4, granularity="tensor"),
    "one_percentile": set_knobs(Recipe(), "magnitude", sparsity=0.99, scope="global"),
    "one_scale": set_knobs(Recipe(), "uniform", bits=2, range="mse"),
    "zeros_in_float": set_knobs(MISTAKES["zeros_in_float"], "uniform", bits=8),
}


async def mistake(session: Session, name: str) -> Feedback:
    """Load a mistake, watch it fail, and measure what is right beside it.

    Args:
        session: The session; the right form becomes its present recipe.
        name: One of `workbench.core.presets.MISTAKES`.

    Raises:
        UserError: If there is no mistake of that name.
    """
    if name not in MISTAKES:
        raise UserError("lesson.word", known=", ".join(MISTAKES), received=repr(name))
    lang = session.lang
    wrong = await trial.measured(session, MISTAKES[name])
    right = await trial.measured(session, RIGHT[name])
    named = [
        (say(f"preset.{name}", lang), wrong),
        (say(f"lesson.instead.{name}", lang), right),
    ]
    make = figures.survivors if name == "one_percentile" else figures.settings
    text = say(
        "lesson.joined",
        lang,
        first=say(f"preset.{name}.help", lang),
        second=say(f"lesson.seen.{name}", lang, **_seen(wrong, right)),
    )
    return Feedback("shown", text, lang, make(session, named))


def _seen(wrong: Outcome, right: Outcome) -> dict[str, str]:
    """The live numbers that a mistake's sentence may name."""
    values: dict[str, str] = {}
    for name, outcome in (("wrong", wrong), ("right", right)):
        last = list(outcome.network.tensors.values())[-1]
        values |= {
            f"{name}_zeros": figures.percent(outcome.network.sparsity),
            f"{name}_score": figures.percent(figures.score(outcome)),
            f"{name}_last": figures.count(last.nonzeros),
            f"{name}_silent": figures.count(_silent(last)),
            f"{name}_float": figures.count(outcome.sizes.float32.value),
            f"{name}_packed": figures.count(outcome.sizes.packed.value),
        }
    return values


def _silent(tensor: CompressedTensor) -> int:
    """How many outputs (the last axis) have no weight that is not zero."""
    columns = tensor.dense.reshape(-1, tensor.dense.shape[-1])
    return int((~columns.any(axis=0)).sum())
