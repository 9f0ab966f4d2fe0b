"""Kernel and bias of an operator, with the multiplications and sums behind it folded.

A convolution or matrix product whose result is multiplied and shifted channel by
channel, as by a bias or by BatchNorm, is one operator with other weights:
``(x * W) a + b = x * (W a) + b``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MULTIPLY, ADD, SUBTRACT = "multiply", "add", "subtract"
CHANGES = {
    "BiasAdd": ADD,
    "Add": ADD,
    "AddV2": ADD,
    "Mul": MULTIPLY,
    "Sub": SUBTRACT,
}


@dataclass(frozen=True, eq=False)
class Folded:
    """What kernel and bias are made of.

    Attributes:
        kernel: Name of the kernel's tensor, its output channels along the last axis.
        changes: What follows, in turn: one of the constants above, and the name of a
            tensor of one value a channel, or of one value.
        shape: The kernel's shape with all output channels along the last axis.
        order: Of its axes in the file.
    """

    kernel: str
    changes: tuple[tuple[str, str], ...]
    shape: tuple[int, ...]
    order: tuple[int, ...]

    def arrays(
        self, values: Mapping[str, NDArray[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Kernel and bias as they are in the file.

        Args:
            values: By name of the tensor.
        """
        kernel = values[self.kernel].reshape(self.shape)
        scale = np.ones(self.shape[-1], np.float32)
        bias = np.zeros(self.shape[-1], np.float32)
        for kind, name in self.changes:
            change = values[name].reshape(-1)
            if kind == MULTIPLY:
                scale, bias = scale * change, bias * change
            else:
                bias = bias + change if kind == ADD else bias - change
        if any(kind == MULTIPLY for kind, _ in self.changes):
            kernel = kernel * scale
        return kernel.transpose(self.order), bias
