"""The doctor: what each tensor of a model is, and whether it can be compressed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.engine.layers import variables
from workbench.engine.macs import macs
from workbench.engine.sites import sites

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Row:
    """One tensor.

    Attributes:
        path: Its address.
        kind: As a kernel's, or ``none`` for what is no kernel.
        shape: Its shape.
        parameters: How many numbers it holds.
        share: Of all parameters of the model, 0 to 1.
        macs: Multiply-accumulates of one sample; None where unknown, 0 for what is no
            kernel.
        macs_share: Of all that are known, 0 to 1; None where unknown.
        layer: Class name of the layer that owns it; empty for what is no kernel.
        can: Whether it can be pruned and quantized.
        reason: Text key of why not; None where it can.
        advice: Text key of what to do; None where it can.
    """

    path: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    share: float
    macs: int | None
    macs_share: float | None
    layer: str
    can: bool
    reason: str | None
    advice: str | None


def doctor(
    model: keras.Model, x: Sequence[NDArray[Any]] | None = None
) -> tuple[Row, ...]:
    """A row for every weight of a model, in the model's order.

    Args:
        model: A built model.
        x: Samples, one array per input, which give the sizes that the model leaves
            open; without them some counts may be unknown.
    """
    kernels = {site.path: site for site in sites(model, macs(model, x))}
    shapes = {
        path: tuple(int(size) for size in variable.shape)
        for path, variable in variables(model).items()
    }
    total = sum(math.prod(shape) for shape in shapes.values())
    spent = sum(site.macs or 0 for site in kernels.values())
    rows: list[Row] = []
    for path, shape in shapes.items():
        site = kernels.get(path)
        count = 0 if site is None else site.macs
        reason = "doctor.no_kernel" if site is None else site.reason
        rows.append(
            Row(
                path=path,
                kind="none" if site is None else site.kind,
                shape=shape,
                parameters=math.prod(shape),
                share=math.prod(shape) / max(total, 1),
                macs=count,
                macs_share=None if count is None else count / max(spent, 1),
                layer="" if site is None else site.layer,
                can=reason is None,
                reason=reason,
                advice=None if reason is None else f"{reason}.advice",
            )
        )
    return tuple(rows)
