"""A compressed tensor and the place it holds in the model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from workbench.core import aligned
from workbench.core.codes import Code, Composed, Float

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.groups import Group
    from workbench.core.slopes import Slopes


NOT_CALIBRATED = "repair.not_calibrated"


@dataclass(frozen=True)
class Site:
    """Where a tensor sits in the model: all a method may know of its layer.

    Attributes:
        path: Address, such as ``block/dense_1/kernel``.
        kind: ``dense``, ``conv``, ``depthwise``, ``recurrent``, ``embedding``,
            ``einsum`` or ``other``; ``none`` for a variable that is no kernel.
        shape: Shape of the tensor.
        channel_axes: Axes that keep a scale of their own where granularity is per
            channel: the output axes, for an embedding its rows.
        layer: Class name of the owning layer.
        macs: Multiply-accumulates of one sample; None where unknown.
        reason: Text key of why it cannot be treated; None where it can.
        gram: What its kernel saw on training data; None where that is not known.
        unseen: Text key of why it is not known.
        current: What it sees of the model as compressed so far, beside what it saw of
            the original; None where that is the same or not known.
        slopes: How the loss hangs on what it takes; None where that is not known.
        groups: Channels that move together and lie in it.
        bound: Text key of why none of its outputs can go; empty where they can.
        gates: Names of its gates, equal slices of the last axis; empty where none.
        whole: Path of the kernel that it is a gate of; empty where it is none.
        start: Where such a gate begins along the last axis.
    """

    path: str
    kind: str
    shape: tuple[int, ...]
    channel_axes: tuple[int, ...]
    layer: str = ""
    macs: int | None = None
    reason: str | None = None
    gram: Gram | None = field(default=None, compare=False, repr=False)
    unseen: str = field(default=NOT_CALIBRATED, compare=False, repr=False)
    current: Gram | None = field(default=None, compare=False, repr=False)
    slopes: Slopes | None = field(default=None, compare=False, repr=False)
    groups: tuple[Group, ...] = field(default=(), compare=False, repr=False)
    bound: str = field(default="structure.not_open", compare=False, repr=False)
    gates: tuple[str, ...] = ()
    whole: str = ""
    start: int = 0

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def is_calibrated(self) -> bool:
        """Whether calibration has run, even where it saw nothing here."""
        return self.gram is not None or self.unseen != NOT_CALIBRATED

    @property
    def can(self) -> bool:
        """Whether methods may treat it."""
        return self.reason is None


@dataclass(frozen=True, eq=False)
class CompressedTensor:
    """A tensor after its steps; law: ``code.decode() * mask == dense``.

    Attributes:
        dense: What the simulation runs, float32.
        mask: True where a weight is kept; None where nothing was pruned.
        code: How the values are represented.
        counts: How often each integer of an `Affine` code occurs, its zero point taken
            off and the pruned among those of zero, which is the middle entry; None
            where nobody counted.
        original: The weights before any step; None where these are unknown.
        shift: What the bias behind it takes up, flat; None for nothing.
        is_open: Whether only the number of weights that are kept is settled, and not
            which they are.
    """

    dense: NDArray[np.float32]
    mask: NDArray[np.bool_] | None
    code: Code
    counts: NDArray[np.int64] | None = None
    original: NDArray[np.float32] | None = None
    shift: NDArray[np.float32] | None = None
    is_open: bool = False

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> CompressedTensor:
        """An untouched tensor."""
        values = np.asarray(values, np.float32)
        return cls(values, None, Float(values), original=values)

    @property
    def start(self) -> NDArray[np.float32]:
        """The weights before any step, or the present ones where these are unknown."""
        return self.dense if self.original is None else self.original

    @cached_property
    def nonzeros(self) -> int:
        """Number of weights that are not zero."""
        if self.counts is not None:
            return int(self.counts.sum() - self.counts[self.counts.size // 2])
        return int(np.count_nonzero(self.dense))

    @property
    def sparsity(self) -> float:
        """Fraction of zeros, 0 to 1."""
        return 1.0 - self.nonzeros / max(self.dense.size, 1)

    @property
    def bits(self) -> int:
        """Bit width of a weight; 32 where it is not quantized."""
        return self.code.bits

    def masked(self, keep: NDArray[np.bool_]) -> CompressedTensor:
        """The tensor with only some weights kept, on top of what is pruned already.

        Args:
            keep: True where a weight stays, shape of `dense`.

        Raises:
            TypeError: If it is made of parts: these are pruned, not the whole.
        """
        if isinstance(self.code, Composed):
            raise TypeError("A product is pruned by its factors, gates one by one.")
        mask = keep if self.mask is None else keep & self.mask
        dense = aligned.where(mask, self.dense)
        code = Float(dense) if isinstance(self.code, Float) else self.code
        return replace(
            self, dense=dense, mask=mask, code=code, counts=None, is_open=False
        )

    def coded(self, code: Code) -> CompressedTensor:
        """The tensor with its values represented by a code.

        Raises:
            TypeError: If it is made of parts and the code is not.
        """
        if isinstance(self.code, Composed) and not isinstance(code, Composed):
            raise TypeError("A product is coded by its factors, gates one by one.")
        dense = code.decode()
        if self.mask is not None:
            dense = aligned.where(self.mask, dense)
        return replace(self, dense=dense, code=code, counts=None)

    def refitted(
        self, dense: NDArray[np.float32], shift: NDArray[np.float32] | None = None
    ) -> CompressedTensor:
        """The tensor with other float values on the same support.

        Args:
            dense: Values, zero where pruned.
            shift: What the bias takes up; None for nothing.
        """
        return replace(self, dense=dense, code=Float(dense), counts=None, shift=shift)
