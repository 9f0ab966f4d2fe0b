"""Rows that meet a kernel: how many to take, and what they come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from workbench.core.aims import After, Aim
from workbench.core.calibration import Gram, covariance
from workbench.core.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.core.tensor import Site
    from workbench.engine.workload import Workload

    Rows = NDArray[np.float32]

ROWS = 2**15
FEWEST_ROWS = 2**13
_ROWS_OF_AN_INPUT = 24
_FEWEST_SAMPLES = 1024
_BYTES = 2**26


class Kernel:
    """What is known of a kernel before anything is compressed.

    Args:
        site: Its place.
        gram: What it sees in the original.
        workload: The model.

    Attributes:
        seen: What it sees in the original.
        single: The original's weights, (groups, outputs, inputs), float32.
        samples: How many samples give rows enough.
        rows_of_a_sample: How many of each to take.
    """

    def __init__(self, site: Site, gram: Gram, workload: Workload) -> None:
        """Nothing is run."""
        self._layout, self.seen = Layout.of(site, len(gram.moments)), gram
        self.single = self._layout.matrices(workload.weights[site.path])
        self._bias = np.zeros(self.single.shape[:2], np.float32)
        place = gram.bias
        if place is not None and place.sign > 0:
            bias = workload.others[place.path]
            row = bias if place.row is None else bias[place.row]
            self._bias = row.reshape(self._bias.shape).astype(np.float32)
        groups, outputs, inputs = self.single.shape
        most = max(1, _BYTES // (4 * groups * (outputs + inputs)))
        wished = ROWS if site.kind == "recurrent" else _ROWS_OF_AN_INPUT * inputs
        rows = min(max(wished, FEWEST_ROWS), ROWS, max(most, 2 * inputs))
        in_all = max(1, (site.macs or 0) // max(site.parameters, 1))
        self.samples = max(_FEWEST_SAMPLES, rows // in_all)
        self.rows_of_a_sample = max(1, rows // self.samples)

    @property
    def weights(self) -> NDArray[np.float64]:
        """The original's weights, float64."""
        return self.single.astype(np.float64)

    def matrices(self, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """A mask in the order of the weights."""
        return None if mask is None else self._layout.matrices(mask)

    def aim(self, rows: Rows, given: Rows, after: After) -> Aim:
        """What the kernel is to make of rows.

        Args:
            rows: What meets it.
            given: What the original makes of its own, the bias apart.
            after: What comes after.
        """
        if after.scale is not None and after.scale.size != self._bias.size:
            after = After()
        return Aim(rows, given, self._bias, after)

    def gram(self, aim: Aim) -> Gram:
        """The moments of an aim's rows, with the aim."""
        spread, mean = covariance(aim.rows)
        moments = spread + mean[:, :, None] * mean[:, None]
        return Gram(
            moments.astype(np.float32),
            mean.astype(np.float32),
            aim.rows.shape[1],
            self.seen.bias,
            aim,
        )


def joined(parts: Sequence[tf.Tensor]) -> Rows:
    """Rows of all batches, (groups, rows, inputs)."""
    rows = np.concatenate([part.numpy() for part in parts])
    return np.ascontiguousarray(rows.transpose(1, 0, 2))
