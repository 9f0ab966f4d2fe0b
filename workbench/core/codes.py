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
class Composed:
    """A kernel made of several tensors, each compressed by itself.

    Attributes:
        parts: Those tensors.
        shape: Shape of the kernel.
    """

    parts: tuple[CompressedTensor, ...]
    shape: tuple[int, ...]

    @property
    def bits(self) -> int:
        """Bit width of the widest part."""
        return max(part.bits for part in self.parts)

    @property
    def table_bits(self) -> int:
        """Bits beside the values themselves, over all parts."""
        return sum(part.code.table_bits for part in self.parts)


@dataclass(frozen=True, eq=False)
class LowRank(Composed):
    """A kernel as the product of two or three smaller ones.

    The factors are kernels of layers one after the other, so that their product over
    the last two axes, with spatial axes broadcast, is the kernel: ``(in, r) (r, out)``,
    or for a convolution ``(1, 1, in, r) (h, w, r, s) (1, 1, s, out)``.
    """

    @property
    def factors(self) -> tuple[CompressedTensor, ...]:
        """The smaller kernels, in the order in which inputs pass through them."""
        return self.parts

    def decode(self) -> NDArray[np.float32]:
        """The product, float32, of shape `shape`."""
        first, *rest = (factor.dense for factor in self.factors)
        for dense in rest:
            first = np.matmul(first, dense)
        return np.ascontiguousarray(first.reshape(self.shape))

    def part_path(self, path: str, place: int) -> str:
        """The address of a factor of the kernel at an address: ``PATH#0``."""
        return f"{path}#{place}"


@dataclass(frozen=True, eq=False)
class Gates(Composed):
    """A recurrent kernel gate by gate: equal slices of its last axis, side by side.

    Attributes:
        names: Of the gates, in their order.
    """

    names: tuple[str, ...]

    def decode(self) -> NDArray[np.float32]:
        """The whole kernel, float32, of shape `shape`."""
        return np.concatenate([part.dense for part in self.parts], axis=-1)

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """True where a weight is kept; None where no gate was pruned."""
        if all(part.mask is None for part in self.parts):
            return None
        masks = [
            np.ones(part.dense.shape, np.bool_) if part.mask is None else part.mask
            for part in self.parts
        ]
        return np.concatenate(masks, axis=-1)

    def part_path(self, path: str, place: int) -> str:
        """The address of a gate of the kernel at an address: ``PATH[f]``."""
        return f"{path}[{self.names[place]}]"

    def integers(self) -> Affine | None:
        """All of it on one grid per channel; None where a gate is not on one.

        It decodes to the same values, at the width of the widest gate: what a file
        takes that has one width for a whole constant.
        """
        codes = [part.code for part in self.parts if isinstance(part.code, Affine)]
        if len(codes) < len(self.parts):
            return None

        def joined(name: str) -> NDArray[Any]:
            found = [(getattr(code, name), code.q.shape[-1]) for code in codes]
            wide = [np.broadcast_to(a, (*a.shape[:-1], width)) for a, width in found]
            return np.concatenate(wide, axis=-1)

        is_symmetric = all(code.is_symmetric for code in codes)
        parts = (joined(name) for name in ("q", "scale", "zero_point"))
        return Affine(*parts, bits=self.bits, is_symmetric=is_symmetric)


Code = Float | Affine | Codebook | LowRank | Gates
