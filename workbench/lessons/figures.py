"""Numbers of a session as a lesson prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.lessons.feedback import COMMON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.core.snapshot import Outcome
    from workbench.lessons.feedback import Table
    from workbench.session import Session


def percent(value: float) -> str:
    """A share or an accuracy."""
    return f"{value:.1%}"


def count(value: float) -> str:
    """A whole number."""
    return f"{value:,.0f}"


def shape(sides: Sequence[int]) -> str:
    """The shape of a kernel."""
    return "\N{MULTIPLICATION SIGN}".join(map(str, sides))


def score(outcome: Outcome) -> float:
    """An outcome's score on all test samples."""
    assert outcome.measurement is not None
    return outcome.measurement.score


def change(session: Session, outcome: Outcome) -> float:
    """An outcome's score minus the original's, in points; whole answers only."""
    return 100 * round(score(outcome) - session.original.score, 9)


def points(value: float) -> str:
    """A difference in points."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def ratio(session: Session, outcome: Outcome) -> float:
    """How many times smaller the packed network is than the original."""
    return original_bytes(session) / outcome.sizes.packed.value


def original_bytes(session: Session) -> float:
    """Bytes of the original as float32."""
    assert session.original_sizes is not None
    return session.original_sizes.float32.value


def kept(outcome: Outcome) -> int:
    """How many weights are not zero."""
    return sum(tensor.nonzeros for tensor in outcome.network.tensors.values())


def error(weights: NDArray[Any], instead: NDArray[Any]) -> float:
    """Squared error as a share of the sum of squares."""
    wide = weights.astype(np.float64)
    gap = wide - instead
    return float(np.vdot(gap, gap) / np.vdot(wide, wide))


def settings(session: Session, named: Sequence[tuple[str, Outcome]]) -> Table:
    """Settings with their accuracy, change and size.

    Args:
        session: The session that measured them.
        named: What to call each setting, and its outcome.
    """
    words = ("setting", "zeros", "accuracy", "change", "float32", "packed")
    rows = (
        (
            name,
            percent(outcome.network.sparsity),
            percent(score(outcome)),
            points(change(session, outcome)),
            count(outcome.sizes.float32.value),
            count(outcome.sizes.packed.value),
        )
        for name, outcome in named
    )
    return COMMON.table(session, words, rows)


def survivors(session: Session, named: Sequence[tuple[str, Outcome]]) -> Table:
    """How many weights of each kernel are left under each setting."""
    head = ("kernel", "weights")
    rows = (
        (
            site.path,
            count(site.parameters),
            *(count(one.network.tensors[site.path].nonzeros) for _, one in named),
        )
        for site in session.sites
    )
    return COMMON.table(session, head, rows, [name for name, _ in named])
