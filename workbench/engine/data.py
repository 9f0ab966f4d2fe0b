"""What a workload's data is: arrays, samples first, for training and for the score."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.network import array_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Split:
    """Samples with their labels.

    Attributes:
        x: One array per input of the model, in the model's order, samples first.
        y: Labels, samples first: int32 where they are class numbers.
    """

    x: tuple[NDArray[Any], ...]
    y: NDArray[Any]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.y)

    def head(self, n: int) -> Split:
        """The first `n` samples, as views."""
        return Split(tuple(array[:n] for array in self.x), self.y[:n])

    def drawn(self, most: int, size: int, seed: int) -> list[NDArray[np.int64]]:
        """Places of samples drawn at random, in batches.

        Args:
            most: How many samples to draw, where there are so many.
            size: Of a batch, the last one apart.
            seed: Of the draw.
        """
        rows = np.sort(np.random.default_rng(seed).permutation(len(self))[:most])
        return [rows[i : i + size] for i in range(0, len(rows), size)]

    def digest(self) -> str:
        """Hash of every value."""
        parts = [array_digest(array) for array in (*self.x, self.y)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Data:
    """What a model is trained on and scored with.

    Attributes:
        train: Samples that calibration and retraining may see; None without.
        test: Samples that the score comes from; None where only weights are looked at.
        class_names: One for each class, or empty.
        name: What to call it, such as the file's name.
        digest: Hash of every value.
    """

    train: Split | None
    test: Split | None
    class_names: tuple[str, ...] = ()
    name: str = ""
    digest: str = ""


def data_of(
    train: Split | None, test: Split | None, class_names: tuple[str, ...], name: str
) -> Data:
    """Data with its digest."""
    parts = ["-" if split is None else split.digest() for split in (train, test)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return Data(train, test, class_names, name, digest)
