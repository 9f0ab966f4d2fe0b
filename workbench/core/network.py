"""The network: a frozen map from tensor path to compressed tensor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from workbench.core.affine import Grid
    from workbench.core.tensor import CompressedTensor


@dataclass(frozen=True)
class Skipped:
    """What a method could not treat, and why; no error.

    Attributes:
        path: Address of the tensor.
        step: Name of the step that was skipped.
        reason: Text key of why.
    """

    path: str
    step: str
    reason: str


@dataclass(frozen=True, eq=False)
class Network:
    """A model after a recipe: all that evaluation, export and sizes need.

    Attributes:
        tensors: Every kernel of the model, by path.
        digests: For each kernel a hash of its weights and steps: equal hashes mean
            equal tensors.
        activations: Grid of each place whose activations are quantized.
        skipped: What could not be treated.
        others: Values of those other variables (biases, BatchNorm) that are not the
            original's, by path; None where there are none.
        is_retrained: Whether it comes of a retraining.
        made: What was dear to make on the way, by hash, for the next one to take over.
    """

    tensors: Mapping[str, CompressedTensor]
    digests: Mapping[str, str]
    activations: Mapping[str, Grid] = field(default_factory=lambda: _EMPTY)
    skipped: tuple[Skipped, ...] = ()
    others: Mapping[str, NDArray[Any]] | None = None
    is_retrained: bool = False
    made: Mapping[str, CompressedTensor] = field(default_factory=lambda: _EMPTY)

    @property
    def parameters(self) -> int:
        """Number of kernel weights."""
        return sum(tensor.dense.size for tensor in self.tensors.values())

    @cached_property
    def sparsity(self) -> float:
        """Fraction of zeros over all kernels, 0 to 1."""
        nonzeros = sum(tensor.nonzeros for tensor in self.tensors.values())
        return 1.0 - nonzeros / max(self.parameters, 1)

    @cached_property
    def digest(self) -> str:
        """Hash of the whole network, hexadecimal."""
        parts = [f"{path}={self.digests[path]}" for path in sorted(self.digests)]
        for path in sorted(self.activations):
            grid = self.activations[path]
            ends = f"{array_digest(grid.scale)},{array_digest(grid.zero_point)}"
            parts.append(f"{path}={grid.bits},{grid.is_symmetric},{ends}")
        for path in sorted(self.others or {}):
            parts.append(f"{path}={array_digest(self.others[path])}")  # type: ignore[index]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def array_digest(values: NDArray[Any]) -> str:
    """SHA-256 of an array's type, shape and bytes, hexadecimal."""
    values = np.ascontiguousarray(values)
    head = f"{values.dtype.str}{values.shape}".encode()
    state = hashlib.sha256(head)
    # As bytes: a buffer does not know bfloat16.
    state.update(values.reshape(-1).view(np.uint8).data if values.size else b"")
    return state.hexdigest()


_EMPTY: Mapping[str, Any] = MappingProxyType({})
