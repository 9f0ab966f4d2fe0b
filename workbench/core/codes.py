"""How a tensor's values are represented: codes, each of which decodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


Code = Float | Affine
