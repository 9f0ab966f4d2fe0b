"""What a kernel saw on training data: the second moments of its inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.network import array_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.aims import Aim


@dataclass(frozen=True)
class Bias:
    """The variable that is added to what a kernel makes, or taken off.

    Attributes:
        path: Its address.
        row: Which of its rows, for a GRU's two; None for a bias of one axis.
        sign: -1 for the moving mean of a BatchNorm, which is taken off.
    """

    path: str
    row: int | None = None
    sign: int = 1


@dataclass(frozen=True, eq=False)
class Gram:
    """Moments of the inputs x of a kernel, over training samples and positions.

    With it the error that a changed kernel makes is known without data: for a row of
    weights, ``E[(dw . x)**2] = dw H dw`` with ``H = E[x x^T]``.

    Attributes:
        moments: ``E[x x^T]``, float32, (groups, inputs, inputs).
        mean: ``E[x]``, float32, (groups, inputs).
        count: Positions that were seen.
        bias: Where a shift of the mean can be taken up; None where nowhere.
        aim: What is to be made of x where earlier layers are compressed; None where x
            is what the original sees.
        label: Stands for the digest where the aim is forgotten.
    """

    moments: NDArray[np.float32]
    mean: NDArray[np.float32]
    count: int
    bias: Bias | None = None
    aim: Aim | None = None
    label: str = ""

    @cached_property
    def digest(self) -> str:
        """Hash of the moments and the aim, hexadecimal."""
        own = array_digest(self.moments) + array_digest(self.mean)
        return self.label or own + (self.aim.digest if self.aim else "")

    def without_rows(self) -> Gram:
        """The same, but for the rows of its aim, which take memory."""
        return replace(self, aim=None, label=self.digest)

    def hessian(self, damping: float = 0.01) -> NDArray[np.float64]:
        """``H`` with the mean taken out where a bias takes it up, and damped.

        ``H + damping * mean(diag H) * I``: without, an input that never varies would
        make it singular.

        Args:
            damping: Fraction of the mean diagonal that is added to the diagonal.

        Returns:
            Shape of `moments`, not to be written to.
        """
        known = self._hessians.get(damping)
        if known is not None:
            return known
        found = self.moments.astype(np.float64)
        if self.bias is not None:
            mean = self.mean.astype(np.float64)
            found -= mean[:, :, None] * mean[:, None, :]
        diagonal = np.einsum("gii->gi", found)
        diagonal += self.damping(damping)
        found.flags.writeable = False
        if found.nbytes <= _KEPT_BYTES:
            self._hessians[damping] = found
        return found

    def damping(self, damping: float) -> NDArray[np.float64]:
        """What is added to the diagonal of ``H``, (groups, 1).

        Args:
            damping: As for `hessian`.
        """
        energy = np.einsum("gii->gi", self.moments).astype(np.float64)
        # What float32 moments leave open is at most their trace, rounded; it is all
        # there is of inputs that never vary, once their mean is taken out.
        rounding = _ROUNDING * energy.sum(axis=-1, keepdims=True)
        if self.bias is not None:
            energy -= np.square(self.mean, dtype=np.float64)
        wished = damping * energy.mean(axis=-1, keepdims=True)
        return np.maximum(wished, rounding) + _TINY

    @cached_property
    def _hessians(self) -> dict[float, NDArray[np.float64]]:
        """Those that were asked for, by damping."""
        return {}


def covariance(
    rows: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``E[(x - E[x]) (x - E[x])^T]`` and ``E[x]`` of rows.

    The mean is taken out beforehand: beside a large one, float32 sums of squares lose
    what an input varies by, and one that never varies would vary by less than nothing.

    Args:
        rows: (groups, rows, inputs).

    Returns:
        (groups, inputs, inputs) and (groups, inputs).
    """
    mean = rows.mean(axis=1, dtype=np.float64)
    apart = rows - mean.astype(np.float32)[:, None]
    return (apart.transpose(0, 2, 1) @ apart).astype(np.float64) / rows.shape[1], mean


_TINY = 1e-12
# Of the moments, and of the mean that is taken out.
_ROUNDING = 32 * float(np.finfo(np.float32).eps)
_KEPT_BYTES = 2**25
