"""What a kernel saw on training data: the second moments of its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

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

    Where earlier layers are compressed, x is what they give now and z what the original
    gave there. The closest to ``w z`` of all is then ``w' x`` with ``w' = w C H^-1``,
    ``C = E[z x^T]``.

    Attributes:
        moments: ``E[x x^T]``, float32, (groups, inputs, inputs).
        mean: ``E[x]``, float32, (groups, inputs).
        count: Positions that were seen.
        bias: Where a shift of the mean can be taken up; None where nowhere.
        cross: ``E[z x^T]``, float32, shape of `moments`; None where z is x.
        given: ``E[z]``, shape of `mean`; None where z is x.
    """

    moments: NDArray[np.float32]
    mean: NDArray[np.float32]
    count: int
    bias: Bias | None = None
    cross: NDArray[np.float32] | None = None
    given: NDArray[np.float32] | None = None

    @cached_property
    def digest(self) -> str:
        """Hash of the moments, hexadecimal."""
        parts = (self.moments, self.mean, self.cross, self.given)
        return "".join(array_digest(part) for part in parts if part is not None)

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
        diagonal += self._damping(damping)
        found.flags.writeable = False
        if found.nbytes <= _KEPT_BYTES:
            self._hessians[damping] = found
        return found

    def aim(
        self, weights: NDArray[np.float64], damping: float = 0.01
    ) -> NDArray[np.float64]:
        """The weights that make of x what `weights` made of z: ``w (C + d I) H^-1``.

        The damping d of `hessian` holds them to the given ones.

        Args:
            weights: (groups, outputs, inputs).
            damping: As for `hessian`.
        """
        if self.cross is None or self.given is None:
            return weights
        cross = self.cross.astype(np.float64)
        if self.bias is not None:
            cross -= self.given[:, :, None] * self.mean[:, None, :].astype(np.float64)
        diagonal = np.einsum("gii->gi", cross)
        diagonal += self._damping(damping)
        pulls = (weights @ cross).transpose(0, 2, 1)
        solved: Any = np.linalg.solve(self.hessian(damping), pulls)
        return np.ascontiguousarray(solved.transpose(0, 2, 1))

    def _damping(self, damping: float) -> NDArray[np.float64]:
        """What is added to the diagonal of ``H``, (groups, 1)."""
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


_TINY = 1e-12
# Of the moments, and of the mean that is taken out.
_ROUNDING = 4 * float(np.finfo(np.float32).eps)
_KEPT_BYTES = 2**25
