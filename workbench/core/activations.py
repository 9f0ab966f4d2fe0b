"""Quantization of activations: its knobs, what calibration saw, the grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from workbench.core.affine import Grid, grid_between, shrink_factors
from workbench.core.knob import check_fields, knob

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ActivationQuantization:
    """How the activations of a plan are quantized.

    Attributes:
        bits: Bit width on an asymmetric grid, one per tensor.
        range: ``minmax`` of what calibration saw, or the ``mse`` range.
        edges: Whether the model's inputs and outputs are quantized too.
    """

    bits: int = knob(8, low=4, high=16, unit="bits")
    range: str = knob("minmax", choices=("minmax", "mse"))
    edges: str = knob("quantized", choices=("quantized", "float"))

    def __post_init__(self) -> None:
        """Refuse values out of bounds."""
        check_fields("activations", self)


@dataclass(frozen=True)
class OutputSite:
    """A place where activations can be quantized: the end of a fused pattern.

    Attributes:
        path: Address, such as ``block/relu_1/output``; ``NAME/input`` for an input
            of the model.
        kernels: Paths of the kernels whose pattern (kernel, BatchNorm, activation)
            ends here.
        is_edge: Whether it is an input or an output of the model.
    """

    path: str
    kernels: tuple[str, ...] = ()
    is_edge: bool = False


@dataclass(frozen=True, eq=False)
class Observed:
    """What calibration saw at one place, over training samples.

    Attributes:
        low: Smallest value.
        high: Largest value.
        counts: Histogram on equal bins between `low` and `high`, float64.
        samples: How many samples were run.
    """

    low: float
    high: float
    counts: NDArray[np.float64]
    samples: int

    def grid(self, bits: int, choice: Literal["minmax", "mse"] | str) -> Grid:
        """The asymmetric grid for a bit width.

        ``mse`` takes the shrunk range with the least squared error, estimated on the
        histogram with each bin at its centre.
        """
        low, high = (np.array(end, np.float32) for end in (self.low, self.high))
        full = grid_between(low, high, bits, is_symmetric=False)
        if choice == "minmax" or self.high <= self.low:
            return full
        edges = np.linspace(self.low, self.high, len(self.counts) + 1)
        centres = ((edges[1:] + edges[:-1]) / 2).astype(np.float32)
        tries = [
            grid_between(low * f, high * f, bits, is_symmetric=False)
            for f in shrink_factors(bits)
        ]
        errors = [self._error(centres, grid) for grid in tries]
        return tries[int(np.argmin(errors))]

    def _error(self, centres: NDArray[np.float32], grid: Grid) -> float:
        smallest, largest = grid.limits
        q = np.clip(np.rint(centres / grid.scale) + grid.zero_point, smallest, largest)
        gap = (q - grid.zero_point) * grid.scale - centres
        return float(np.sum(self.counts * gap * gap))
