"""What a kernel is to make of compressed inputs, by what comes after it.

Behind a ReLU it does not matter how far below zero a value is: where the original is
not active, what is made may lie anywhere below; where it is, it is to be the same. And
what a softmax or sigmoid ends in is to give the same probabilities. Either way a
target for each row follows from what is made now, so that least squares on targets,
again and again, lower what is lost behind the activation: each majorizes it.

Sources: Zhang et al. 2016, arXiv 1505.06798, for the ReLU; Boehning 1992 for the bound
on the curvature of the softmax.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.calibration import covariance
from workbench.core.network import array_digest
from workbench.core.reconstruction import fitted_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Matrices = NDArray[np.float64]

LINEAR, RELU, SOFTMAX, SIGMOID = "linear", "relu", "softmax", "sigmoid"
# By the bounds on the curvature, 1/2 and 1/4.
_STEPS = {SOFTMAX: np.float32(2), SIGMOID: np.float32(4)}
# Up to twice as far as a majorizer says still lowers what is lost, and is quicker.
_LONGER = {LINEAR: 1.0, RELU: 1.7, SOFTMAX: 1.9, SIGMOID: 1.7}
_TINY = 1e-12
_TURNS = {LINEAR: 0, RELU: 4, SOFTMAX: 10, SIGMOID: 10}


@dataclass(frozen=True, eq=False)
class After:
    """What comes after the outputs of a layer.

    Attributes:
        kind: ``linear``, ``relu``, ``softmax`` or ``sigmoid``.
        scale: By which BatchNorm multiplies in between, flat; None where none does.
        offset: What it adds then.
    """

    kind: str = LINEAR
    scale: Floats | None = None
    offset: Floats | None = None

    @property
    def turns(self) -> int:
        """How often targets are worth to be made anew."""
        return _TURNS[self.kind]

    def wished(self, given: Floats, made: Floats) -> Floats:
        """What is to be made.

        Args:
            given: What the original makes, (groups, rows, outputs).
            made: What is made now, shape of `given`.

        Returns:
            Shape of `given`.
        """
        if self.kind == RELU:
            return self._above_zero(given, made)
        if self.kind == LINEAR:
            return given
        turn = _softmax if self.kind == SOFTMAX else _sigmoid
        gap: Any = turn(given) - turn(made)
        return made + _STEPS[self.kind] * gap

    def _above_zero(self, given: Floats, made: Floats) -> Floats:
        if self.scale is None or self.offset is None:
            return np.where(given > 0, given, np.minimum(made, np.float32(0)))
        shape = (len(given), 1, given.shape[2])
        scale, offset = self.scale.reshape(shape), self.offset.reshape(shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            edge = -offset / scale
        edge = np.where(np.isfinite(edge), edge, np.float32(0))
        below = np.where(made * scale + offset > 0, edge, made)
        return np.where(given * scale + offset > 0, given, below)


@dataclass(frozen=True, eq=False)
class Aim:
    """Rows that meet a kernel of a compressed model, and what the original made there.

    Attributes:
        rows: x, float32, (groups, rows, inputs).
        given: What the original made of its own, the bias apart, float32, (groups,
            rows, outputs).
        bias: That of the original, float32, (groups, outputs).
        after: What comes after the layer.
        told: What `pulls` are to be where others add to what is made; None where none
            do.
        counts: How errors of the outputs count beside each other, (outputs, outputs),
            positive definite; None for all alike.
    """

    rows: Floats
    given: Floats
    bias: Floats
    after: After = After()
    told: tuple[Matrices, Matrices] | None = None
    counts: Matrices | None = None

    def pulls(self) -> tuple[Matrices, Matrices]:
        """``E[(t - E[t]) x^T]`` and ``E[t]`` for what the original gave.

        Returns:
            (groups, outputs, inputs) and (groups, outputs).
        """
        return self._given_pulls

    def pulls_after(self, weights: Matrices, shift: Matrices) -> tuple[Matrices, ...]:
        """The same for what is to be made where weights are these.

        Args:
            weights: (groups, outputs, inputs).
            shift: What is added to the bias, (groups, outputs).
        """
        made = self.rows @ weights.astype(np.float32).transpose(0, 2, 1)
        made += (self.bias + shift).astype(np.float32)[:, None]
        bias = self.bias[:, None]
        gap: Any = self.after.wished(self.given + bias, made) - made
        return self._pulls(made + gap * _LONGER[self.after.kind] - bias)

    def part(self, start: int, count: int) -> Aim:
        """That of a few neighbouring outputs."""
        own = slice(start, start + count)
        after = self.after
        if after.scale is not None and after.offset is not None:
            after = After(after.kind, after.scale[own], after.offset[own])
        given, bias = self.given[..., own], self.bias[..., own]
        told = self.told
        if told is not None:
            told = told[0][:, own], told[1][:, own]
        return Aim(self.rows, given, bias, after, told)

    @cached_property
    def digest(self) -> str:
        """Hash of what it tells, hexadecimal."""
        cross, mean = self.pulls()
        return array_digest(cross.astype(np.float32)) + array_digest(mean)

    def _pulls(self, targets: Floats) -> tuple[Matrices, Matrices]:
        mean = targets.mean(axis=1, dtype=np.float64)
        centred = targets - mean.astype(np.float32)[:, None]
        # This way round it is twice as fast as the other.
        found = self.rows.transpose(0, 2, 1) @ centred
        return found.transpose(0, 2, 1).astype(np.float64) / targets.shape[1], mean

    @cached_property
    def _given_pulls(self) -> tuple[Matrices, Matrices]:
        return self.told or self._pulls(self.given)


def together(
    aims: Sequence[Aim],
    weights: Sequence[Matrices],
    kept: Sequence[NDArray[np.bool_] | None],
    damping: float = 0.01,
) -> list[Aim]:
    """The aims of kernels whose outputs are added up, each beside the others.

    They are one layer over all of their inputs. What least squares make of it is what
    each of them is to find for itself.

    Args:
        aims: Of kernels with one group and the same outputs, over the same rows.
        weights: The original's, (1, outputs, inputs) of each.
        kept: The support of each; None for all.
        damping: As for a repair of each.

    Returns:
        What each is to make, so that together they make what the original made.
    """
    rows = np.concatenate([aim.rows for aim in aims], axis=2)
    spread, _ = covariance(rows)
    given: Floats = np.sum([aim.given for aim in aims], axis=0)
    pulls, _ = Aim(rows, given, aims[0].bias).pulls()
    ends = np.cumsum([aim.rows.shape[2] for aim in aims])[:-1]
    energies = np.split(np.einsum("gii->gi", spread), ends, axis=1)
    held = [np.full(part.shape, damping * part.mean() + _TINY) for part in energies]
    hold = np.concatenate(held, axis=1)
    masks = [
        np.ones(own.shape, np.bool_) if mask is None else mask
        for own, mask in zip(weights, kept, strict=True)
    ]
    found = fitted_to(
        pulls + np.concatenate(weights, axis=2) * hold[:, None],
        np.concatenate(masks, axis=2),
        spread + hold[:, None] * np.eye(hold.shape[1]),
    )
    aimed: list[Aim] = []
    for aim, start, stop in zip(aims, [0, *ends], [*ends, None], strict=True):
        own = slice(start, stop)
        others = found.copy()
        others[..., own] = 0.0
        left = (pulls - others @ spread)[..., own]
        told = left, aim.given.mean(axis=1, dtype=np.float64)
        aimed.append(replace(aim, told=told))
    return aimed


def _softmax(values: Floats) -> Floats:
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def _sigmoid(values: Floats) -> Floats:
    turned: Any = np.tanh(values / 2)
    return (turned + 1) / 2
