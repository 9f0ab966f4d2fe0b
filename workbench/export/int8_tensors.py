"""The tensors of a conversion to int8: integers on grids, and floats made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.int8 import INT8_LARGEST

if TYPE_CHECKING:
    from workbench.export.flat_model import FlatModel
    from workbench.export.int8_rules import Grid

# A one in int8: a power of two, so that the runtime's arithmetic keeps ties.
ONE = 64


class Int8Tensors:
    """Tensors by the index that they had as floats.

    Args:
        model: A file with one graph.
        grids: Scale and zero point by tensor.

    Attributes:
        integers: The int8 tensor of each float one, as far as it was made.
        made: Operators so far, in order.
    """

    def __init__(self, model: FlatModel, grids: dict[int, Grid]) -> None:
        """Nothing is made yet."""
        self.model, self.graph, self.grids = model, model.graphs[0], grids
        self.integers: dict[int, int] = {}
        self.made: list[Any] = []
        self._floats: dict[int, int] = {}

    def int8_like(self, index: int, grid: Grid) -> int:
        """A new int8 tensor of another one's shape."""
        like = self.graph.tensors[index]
        return self.model.add_tensor(self.graph, like, np.int8, (*grid, 0))

    def integer(self, index: int) -> int:
        """The integers of a tensor."""
        return self.integers[index]

    def on_grid(self, index: int, grid: Grid) -> int:
        """A tensor's integers on another grid."""
        if self.grids[index] == grid:
            return self.integer(index)
        return self.again(self.integer(index), index, grid)

    def again(self, source: int, like: int, grid: Grid) -> int:
        """Integers on another grid, by a multiplication with one.

        A QUANTIZE would do, but moved 2 % of the values of a test net to a neighbour.
        """
        target = self.int8_like(like, grid)
        tensor = self.graph.tensors[target]
        tensor.name = tensor.name + b"/moved"
        one = np.array([ONE], np.int8)
        grid_of_one = (np.float32(1 / ONE), 0, 0)
        factor = self.model.add_constant(self.graph, tensor, one, grid_of_one)
        self.made.append(self.model.multiplication(source, factor, target))
        return target

    def floats(self, index: int) -> int:
        """What a float operator reads: the rounded values, as in the simulation."""
        if index not in self.integers:
            return index
        if index not in self._floats:
            like = self.graph.tensors[index]
            target = self.model.add_tensor(self.graph, like, np.float32, None)
            source = self.integers[index]
            self.made.append(self.model.operator("DEQUANTIZE", 2, [source], [target]))
            self._floats[index] = target
        return self._floats[index]

    def operand(self, index: int) -> int:
        """An operand as int8; a constant of floats gets a symmetric grid of its own."""
        values = self.model.constant(self.graph, index)
        if index in self.grids:
            return self.integer(index)
        if values is None or values.dtype != np.float32:
            return index
        scale = np.float32(np.abs(values).max(initial=0) / INT8_LARGEST) or np.float32(
            1
        )
        q = np.rint(values / scale).astype(np.int8)
        return self.model.add_constant(
            self.graph, self.graph.tensors[index], q, (scale, 0, 0)
        )
