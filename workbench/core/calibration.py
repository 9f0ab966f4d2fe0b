"""What a kernel saw on training data: the second moments of its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.network import array_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Bias:
    """The variable that is added to what a kernel makes.

    Attributes:
        path: Its address.
        row: Which of its rows, for a GRU's two; None for a bias of one axis.
    """

    path: str
    row: int | None = None


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
    """

    moments: NDArray[np.float32]
    mean: NDArray[np.float32]
    count: int
    bias: Bias | None = None

    @cached_property
    def digest(self) -> str:
        """Hash of the moments, hexadecimal."""
        return array_digest(self.moments) + array_digest(self.mean)

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
        energy = diagonal.mean(axis=-1, keepdims=True)
        # What float32 moments leave open is more where there are many inputs.
        least = np.finfo(np.float32).eps * diagonal.shape[-1]
        diagonal += max(damping, least) * energy + _TINY
        found.flags.writeable = False
        if found.nbytes <= _KEPT_BYTES:
            self._hessians[damping] = found
        return found

    @cached_property
    def _hessians(self) -> dict[float, NDArray[np.float64]]:
        """Those that were asked for, by damping."""
        return {}


_TINY = 1e-12
_KEPT_BYTES = 2**25
