"""What a network takes: bytes under each way of storing it.

For a tensor of N weights of which k are not zero, each b bits wide:

- **float32**: ``4 N`` bytes, as the original has them.
- **dense**: ``N b`` bits; zeros cost as much as any weight.
- **bitmask**: ``N + k b`` bits, one bit a weight saying whether it is kept.
- **relative index**: ``(k + fillers) (b + i)`` bits: each kept weight stores its
  distance from the last entry in i bits, with a filler zero after every ``2**i``
  places without one; i is the best of 1 to 16 (Han et al. 2016, arXiv 1510.00149).
- **CSR**: ``k (b + 16) + 32 (rows + 1)`` bits, with 32-bit columns from 65,537
  columns on; a row is the last axis.
- **entropy**: ``N H2(k / N) + k H(values)`` bits and 16 bits for the frequency of each
  value in use: what an ideal coder of independent symbols reaches. No file has it.

Scales, zero points and codebooks are added to each, and the variables that are no
kernels (biases, BatchNorm) as float32. A kernel that is made of factors or gates takes
what these take, each in its own smallest encoding. Names and shapes are not counted.
All of these are formulas, so their provenance is ``estimated``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from workbench.core import fused
from workbench.core.codes import Codebook, Composed, Float
from workbench.core.quantity import Quantity
from workbench.core.symbols import leaves, symbol_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.network import Network
    from workbench.core.tensor import CompressedTensor

FLOAT_BITS = 32
_ENCODINGS = ("dense", "bitmask", "relative", "csr")
INDEX_BITS = range(1, fused.WIDTHS + 1)
FREQUENCY_BITS = 16
_SHORT_COLUMNS = 2**16


@dataclass(frozen=True)
class TensorSizes:
    """Whole bytes of one tensor under each encoding, tables included.

    Attributes:
        weights: Number of weights of the kernel.
        nonzeros: Number of stored values that are not zero.
        bits: Bit width of a value, of the widest where there are parts.
        float32: As in the original.
        dense: Every weight at its bit width.
        bitmask: One bit a weight, then those that are not zero.
        relative: Relative index, as in Deep Compression.
        csr: Compressed sparse rows.
        entropy: What an ideal coder would reach.
        parts: Sizes of the factors or gates where the kernel is made of them.
    """

    weights: int
    nonzeros: int
    bits: int
    float32: int
    dense: int
    bitmask: int
    relative: int
    csr: int
    entropy: int
    parts: tuple[TensorSizes, ...] = ()

    @property
    def encoding(self) -> str:
        """The smallest decodable encoding: dense, bitmask, relative or csr."""
        return min(_ENCODINGS, key=lambda name: getattr(self, name))

    @property
    def packed(self) -> int:
        """Bytes of the smallest decodable encoding."""
        if self.parts:
            return sum(part.packed for part in self.parts)
        return min(self.dense, self.bitmask, self.relative, self.csr)


@dataclass(frozen=True)
class Sizes:
    """Bytes of a whole model; everything that is no kernel counts as float32.

    Attributes:
        tensors: Each kernel's sizes, by path.
        others: Bytes of all else: biases, BatchNorm, grids of activations.
        original: Bytes of what else the original has, as float32.
    """

    tensors: dict[str, TensorSizes]
    others: int
    original: int

    @property
    def float32(self) -> Quantity:
        """All parameters of the original as float32."""
        kernels = sum(tensor.float32 for tensor in self.tensors.values())
        return Quantity(kernels + self.original, "bytes", "estimated")

    @property
    def dense(self) -> Quantity:
        """Every weight at its bit width, zeros included."""
        return self._sum("dense")

    @property
    def packed(self) -> Quantity:
        """Each tensor in its smallest decodable encoding."""
        return self._sum("packed")

    @property
    def entropy(self) -> Quantity:
        """What an ideal entropy coder would reach."""
        return self._sum("entropy")

    @property
    def ratio(self) -> float:
        """Compression ratio: the original's bytes over the packed ones."""
        return self.float32.value / max(self.packed.value, 1)

    def _sum(self, name: str) -> Quantity:
        kernels = sum(getattr(tensor, name) for tensor in self.tensors.values())
        return Quantity(kernels + self.others, "bytes", "estimated")


def sizes(network: Network, other_parameters: int = 0) -> Sizes:
    """The sizes of a network.

    Args:
        network: The network.
        other_parameters: Number of parameters that are no kernels.
    """
    tables = sum(
        FLOAT_BITS * grid.scale.size + grid.bits * grid.zero_point.size
        for grid in network.activations.values()
    )
    original = 4 * other_parameters
    return Sizes(
        {path: tensor_sizes(tensor) for path, tensor in network.tensors.items()},
        original + _whole_bytes(tables),
        original,
    )


def break_even(bits: int) -> float:
    """Sparsity from which on the best sparse encoding is smaller than the dense one.

    It is the bitmask's: ``N + k b < N b`` where more than ``1 / b`` of N are zero.
    """
    return 1 / bits


def tensor_sizes(tensor: CompressedTensor) -> TensorSizes:
    """The sizes of one tensor; computed once for each."""
    known = _known.get(tensor)
    if known is None:
        known = _known[tensor] = _tensor_sizes(tensor)
    return known


_known: WeakKeyDictionary[CompressedTensor, TensorSizes] = WeakKeyDictionary()


def _tensor_sizes(tensor: CompressedTensor) -> TensorSizes:
    if not isinstance(tensor.code, Composed):
        return _leaf_sizes(tensor)
    parts = tuple(tensor_sizes(leaf) for leaf in leaves(tensor))
    total = {
        name: sum(getattr(part, name) for part in parts)
        for name in (*_ENCODINGS, "entropy", "nonzeros")
    }
    weights = tensor.dense.size
    float32 = 4 * weights
    return TensorSizes(weights, bits=tensor.bits, float32=float32, parts=parts, **total)


def _leaf_sizes(tensor: CompressedTensor) -> TensorSizes:
    weights, kept, bits = tensor.dense.size, tensor.nonzeros, tensor.bits
    tables = tensor.code.table_bits
    columns = tensor.dense.shape[-1] if tensor.dense.ndim else 1
    column_bits = 16 if columns <= _SHORT_COLUMNS else 32
    rows = weights // max(columns, 1)
    entries, wide = _relative_entries(tensor.dense), _bits_with_zero(tensor)
    return TensorSizes(
        weights=weights,
        nonzeros=kept,
        bits=bits,
        float32=4 * weights,
        dense=_whole_bytes(weights * wide + tables),
        bitmask=_whole_bytes(weights + kept * bits + tables),
        relative=_whole_bytes(min(n * (wide + i) for i, n in entries) + tables),
        csr=_whole_bytes(kept * (bits + column_bits) + 32 * (rows + 1) + tables),
        entropy=_whole_bytes(_entropy_bits(tensor) + tables),
    )


def _bits_with_zero(tensor: CompressedTensor) -> int:
    """Bits where a pruned weight has a symbol too; a full codebook has none for it."""
    code = tensor.code
    is_full = isinstance(code, Codebook) and code.centroids.shape[-1] == 2**code.bits
    return tensor.bits + (is_full and tensor.nonzeros < tensor.dense.size)


def _relative_entries(dense: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Index width and number of entries, fillers included, for each width."""
    if fused.pays(dense):
        kept, fillers = fused.fillers(dense)
        return [(i, kept + int(n)) for i, n in zip(INDEX_BITS, fillers, strict=True)]
    places = np.flatnonzero(dense)
    counts = np.bincount(np.diff(places, prepend=-1) - 1)
    skipped = np.flatnonzero(counts)
    counts = counts[skipped]
    return [(i, places.size + int(counts @ (skipped >> i))) for i in INDEX_BITS]


def _entropy_bits(tensor: CompressedTensor) -> float:
    """``N H2(k / N) + k H(values)`` and the frequencies of the values in use."""
    weights, kept = tensor.dense.size, tensor.nonzeros
    where = _entropy(np.array([kept, weights - kept]))
    if isinstance(tensor.code, Float):
        return where + kept * FLOAT_BITS
    counts = symbol_counts(tensor)
    return where + _entropy(counts) + np.count_nonzero(counts) * FREQUENCY_BITS


def _entropy(counts: NDArray[np.int64]) -> float:
    """Bits to code symbols that occur so often, each at its ideal length."""
    counts = counts[counts > 0]
    return (
        float(-(counts * np.log2(counts / counts.sum())).sum()) if counts.size else 0.0
    )


def _whole_bytes(bits: float) -> int:
    return math.ceil(bits / 8)
