"""How a kernel is a matrix: which axes are summed over and which are outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.tensor import Site


@dataclass(frozen=True)
class Layout:
    """The axes of a kernel as those of matrices ``W [group, output, input]``.

    ``y[output] = sum over inputs of W[output, input] * x[input]`` within each group. A
    convolution's inputs are its patches ``(kh, kw, channels)``; each channel of a
    depthwise one is a group; the groups of a grouped one are parts of its outputs.

    Attributes:
        shape: Shape of the kernel.
        groups: Axes that are groups.
        inputs: Axes that are summed over.
        outputs: Axes that are outputs.
        parts: Groups that the outputs fall into, 1 where they do not.
    """

    shape: tuple[int, ...]
    groups: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    parts: int = 1

    @classmethod
    def of(cls, site: Site, stack: int | None = None) -> Layout:
        """The layout of a site's kernel.

        Args:
            site: The kernel's place.
            stack: Number of matrices, more than the groups' axes have for a grouped
                convolution; None for what the axes have.
        """
        axes = range(len(site.shape))
        groups = (site.channel_axes[0],) if site.kind == "depthwise" else ()
        outputs = tuple(a for a in site.channel_axes if a not in groups)
        inputs = tuple(a for a in axes if a not in (*groups, *outputs))
        own = math.prod(site.shape[a] for a in groups)
        return cls(site.shape, groups, inputs, outputs, (stack or own) // max(own, 1))

    @property
    def inputs_count(self) -> int:
        """Length of a row: inputs of one group."""
        return math.prod(self.shape[a] for a in self.inputs)

    @property
    def groups_count(self) -> int:
        """Number of groups."""
        return self.parts * math.prod(self.shape[a] for a in self.groups)

    def matrices(self, values: NDArray[Any]) -> NDArray[Any]:
        """A kernel as matrices (groups, outputs, inputs); a copy where it must be."""
        order = (*self.groups, *self.outputs, *self.inputs)
        return values.transpose(order).reshape(self.groups_count, -1, self.inputs_count)

    def tensor(self, matrices: NDArray[Any]) -> NDArray[Any]:
        """The kernel whose `matrices` these are, C-contiguous."""
        order = (*self.groups, *self.outputs, *self.inputs)
        lengths = [self.shape[a] for a in order]
        values = matrices.reshape(lengths).transpose(np.argsort(order))
        return np.ascontiguousarray(values)
