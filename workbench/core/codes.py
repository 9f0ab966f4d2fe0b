"""How a tensor's values are represented: codes, each of which decodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor


@dataclass(frozen=True, eq=False)
class Float:
    """Values as they are, 32 bits each.

    Attributes:
        values: Any shape, float32.
    """

    values: NDArray[np.float32]

    bits = 32

    def decode(self) -> NDArray[np.float32]:
        """The values."""
        return self.values

    @property
    def table_bits(self) -> int:
        """Bits beside the values themselves: none."""
        return 0


@dataclass(frozen=True, eq=False)
class Affine:
    """Integers on a uniform grid: ``real = scale * (q - zero_point)``.

    Attributes:
        q: Integers, any shape, of the smallest type that holds the grid: int8 or int16
            where it is symmetric, else uint8 or uint16.
        scale: Positive, float32, broadcastable to `q`: one number per tensor or one
            per channel.
        zero_point: Integers of the shape of `scale`; all 0 on a symmetric grid.
        bits: Bit width, 2 to 16.
        is_symmetric: Whether the grid is the narrow signed one, whose zero point is
            0 and is not stored.
    """

    q: NDArray[np.integer[Any]]
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int32]
    bits: int
    is_symmetric: bool

    def decode(self) -> NDArray[np.float32]:
        """The real values, float32, shape of `q`."""
        return self.scale * (self.q - self.zero_point).astype(np.float32)

    @property
    def table_bits(self) -> int:
        """Bits of scales (float32) and zero points (`bits` each)."""
        per_scale = 32 if self.is_symmetric else 32 + self.bits
        return self.scale.size * per_scale


@dataclass(frozen=True, eq=False)
class Codebook:
    """Indexes into a table of shared values, one table a tensor or one a channel.

    Attributes:
        indexes: Any shape, uint8.
        centroids: float32, ``(..., entries)``: its leading axes broadcast to the shape
            of `indexes`, and its last one is what an index counts.
        bits: Bit width of an index, 1 to 8.
    """

    indexes: NDArray[np.uint8]
    centroids: NDArray[np.float32]
    bits: int

    def decode(self) -> NDArray[np.float32]:
        """The real values, float32, shape of `indexes`."""
        if self.centroids.size == self.centroids.shape[-1]:
            return self.centroids.reshape(-1)[self.indexes]
        places = self.indexes[..., None].astype(np.intp)
        return np.take_along_axis(self.centroids, places, axis=-1)[..., 0]

    @property
    def table_bits(self) -> int:
        """Bits of the centroids, float32 each."""
        return self.centroids.size * 32


@dataclass(frozen=True, eq=False)
class LowRank:
    """A kernel as the product of two or three smaller ones, each compressed by itself.

    The factors are kernels of layers one after the other, so that their product over
    the last two axes, with spatial axes broadcast, is the kernel: ``(in, r) (r, out)``,
    or for a convolution ``(1, 1, in, r) (h, w, r, s) (1, 1, s, out)``.

    Attributes:
        factors: In the order in which inputs pass through them.
        shape: Shape of the kernel.
    """

    factors: tuple[CompressedTensor, ...]
    shape: tuple[int, ...]

    def decode(self) -> NDArray[np.float32]:
        """The product, float32, of shape `shape`."""
        first, *rest = (factor.dense for factor in self.factors)
        for dense in rest:
            first = np.matmul(first, dense)
        return np.ascontiguousarray(first.reshape(self.shape))

    @property
    def bits(self) -> int:
        """Bit width of the widest factor."""
        return max(factor.bits for factor in self.factors)

    @property
    def table_bits(self) -> int:
        """Bits beside the values themselves, over all factors."""
        return sum(factor.code.table_bits for factor in self.factors)


Code = Float | Affine | Codebook | LowRank
