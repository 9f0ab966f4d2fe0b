"""Block sparsity: whole rectangles of the (inputs, outputs) matrix become zero.

A kernel for sparse matrices reads a block at once, and its index has an entry for a
block instead of one for a weight. Source: Gray et al. 2017, GPU kernels for
block-sparse weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.core.knob import knob
from workbench.core.layout import Layout
from workbench.core.step import TensorStep, steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from workbench.core.tensor import CompressedTensor, Site


@steps.add("block")
@dataclass(frozen=True)
class Block(TensorStep):
    """Prune the blocks of least mean square, to a sparsity.

    The matrix of a convolution has a row for each place of its window and channel. Its
    blocks at the far edges are cut off there, and count by what is left of them. Ties
    fall in index order.

    Attributes:
        sparsity: Fraction of weights to prune; the nearest number of blocks is.
        shape: Inputs times outputs of a block.
        scope: ``tensor`` prunes each tensor to the sparsity; ``lamp`` uses one
            threshold, over all tensors that ask for it, on the part of what is left of
            a tensor's energy that a block has. There each tensor keeps a block.
        pruned: Number of blocks to prune where tensors have agreed on it; no knob.
    """

    name: ClassVar[str] = "block"
    phase: ClassVar[int] = 10

    sparsity: float = knob(0.5, low=0.0, high=0.999)
    shape: str = knob("4x1", choices=("4x1", "1x4", "4x4", "16x1"))
    scope: str = knob("lamp", choices=("tensor", "lamp"))
    pruned: int | None = field(default=None)

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """Mask the weakest blocks; with nothing to prune, the tensor as it is."""
        blocks = self._blocks(tensor, site)
        pruned = self.pruned
        if pruned is None:
            pruned = blocks.nearest(self.sparsity)
            if self.scope == "lamp":
                pruned = min(pruned, blocks.order.size - 1)
        return tensor.masked(blocks.kept(pruned)) if pruned else tensor

    def refuses(self, site: Site) -> str | None:
        """Refuse a kernel whose matrix is smaller than a block."""
        layout = Layout.of(site)
        inputs, outputs = self._lengths
        rows = site.parameters // max(layout.groups_count * layout.inputs_count, 1)
        is_large = layout.inputs_count >= inputs and rows >= outputs
        return None if is_large else "pattern.small_matrix"

    @classmethod
    def agree(
        cls,
        wishes: Mapping[str, Self],
        tensors: Mapping[str, CompressedTensor],
        sites: Mapping[str, Site],
    ) -> Mapping[str, Self]:
        """The blocks of each tensor that go by one threshold over several of them.

        The tensors that wish for the same sparsity form one pool.
        """
        levels = dict(wishes)
        pools: dict[float, list[str]] = {}
        for path, wish in wishes.items():
            if wish.scope == "lamp" and wish.sparsity:
                pools.setdefault(wish.sparsity, []).append(path)
        for sparsity, paths in pools.items():
            blocks = [
                levels[path]._blocks(tensors[path], sites[path]) for path in paths
            ]
            for path, share in zip(paths, _shares(blocks, sparsity), strict=True):
                levels[path] = replace(levels[path], pruned=share)
        return levels

    @property
    def _lengths(self) -> tuple[int, int]:
        inputs, _, outputs = self.shape.partition("x")
        return int(inputs), int(outputs)

    def _blocks(self, tensor: CompressedTensor, site: Site) -> _Blocks:
        return _Blocks(tensor.dense, Layout.of(site), self._lengths)


class _Blocks:
    """A kernel's blocks in the order in which they are pruned.

    Args:
        values: The weights.
        layout: How they are a matrix.
        lengths: Inputs and outputs of a block.

    Attributes:
        order: Flat places of the blocks, the weakest first.
        sizes: Number of weights of each, in that order.
        energies: Sum of the squared weights of each, in that order.
    """

    def __init__(
        self, values: NDArray[np.float32], layout: Layout, lengths: tuple[int, int]
    ) -> None:
        self._layout = layout
        squares = np.square(layout.matrices(values), dtype=np.float64)
        inputs, outputs = lengths
        self._rows = _cut(squares.shape[1], outputs)
        self._columns = _cut(squares.shape[2], inputs)
        energies = _sums(_sums(squares, self._rows, 1), self._columns, 2)
        sizes = np.broadcast_to(self._rows[:, None] * self._columns, energies.shape)
        self.order = np.argsort(energies / sizes, axis=None, kind="stable")
        self.energies = energies.ravel()[self.order]
        self.sizes = sizes.ravel()[self.order]

    def nearest(self, sparsity: float) -> int:
        """How many blocks come nearest to a fraction of the weights."""
        return _nearest(self.sizes, sparsity)

    def scores(self) -> NDArray[np.float64]:
        """The part of what is left of the energy that goes with each, ascending."""
        left = np.cumsum(self.energies[::-1])[::-1]
        scores = np.zeros_like(left)
        np.divide(self.energies, left, out=scores, where=left > 0)
        return np.maximum.accumulate(scores)

    def kept(self, pruned: int) -> NDArray[np.bool_]:
        """True where a weight's block is kept."""
        keep = np.ones(self.order.size, np.bool_)
        keep[self.order[:pruned]] = False
        keep = keep.reshape(-1, self._rows.size, self._columns.size)
        keep = keep.repeat(self._rows, axis=1).repeat(self._columns, axis=2)
        return self._layout.tensor(keep)


def _cut(length: int, part: int) -> NDArray[np.int64]:
    """Lengths of the parts of an axis, the last one what is left."""
    starts = np.arange(0, length, part)
    return np.diff(starts, append=length).astype(np.int64)


def _sums(
    values: NDArray[np.float64], lengths: NDArray[np.int64], axis: int
) -> NDArray[np.float64]:
    """Sums over the parts of an axis."""
    return np.add.reduceat(values, np.cumsum(lengths) - lengths, axis=axis)


def _shares(blocks: Sequence[_Blocks], sparsity: float) -> list[int]:
    """How many blocks each tensor gives up by one threshold; never its last one."""
    owners = np.repeat(np.arange(len(blocks)), [b.order.size - 1 for b in blocks])
    scores = np.concatenate([b.scores()[:-1] for b in blocks])
    sizes = np.concatenate([b.sizes[:-1] for b in blocks])
    order = np.argsort(scores, kind="stable")
    total = sum(int(b.sizes.sum()) for b in blocks)
    pruned = _nearest(sizes[order], sparsity, total)
    return np.bincount(owners[order[:pruned]], minlength=len(blocks)).tolist()


def _nearest(
    sizes: NDArray[np.int64], sparsity: float, total: int | None = None
) -> int:
    """How many of the first blocks come nearest to a fraction of all weights."""
    ends = np.concatenate([[0], np.cumsum(sizes)])
    wanted = sparsity * float(ends[-1] if total is None else total)
    return int(np.argmin(np.abs(ends - wanted)))
