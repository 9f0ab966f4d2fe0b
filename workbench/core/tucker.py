"""A convolution as three: fewer channels in, the window over them, all channels out.

For a kernel K (window, inputs, outputs) Tucker-2 has factors A (inputs, r), a core
(window, r, s) and B (s, outputs). The bases start at the leading directions of each
axis (HOSVD) and are improved in turn (HOOI). Where ``H = E[x x^T]`` of the patches is
known, the inputs' directions count by the channels' own moments, and for a given A

    z = A^T x,  P = E[z x^T] K,  core B = (E[z z^T])^-1 P V V^T

with V the leading eigenvectors of ``P^T (E[z z^T])^-1 P`` has the least error there is.
Sources: De Lathauwer et al. 2000; Kim et al. 2016, arXiv 1511.06530.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from workbench.core.codes import LowRank
from workbench.core.low_rank import balanced, factor, kept

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.tensor import Site

    Array = NDArray[np.float64]

_ROUNDS = 3
_linalg = cast("Any", np.linalg)


@dataclass(frozen=True, eq=False)
class Tucker:
    """The start of the decomposition of a convolution's kernel.

    Attributes:
        kernel: (window, inputs, outputs), float64.
        moments: ``H``, (window x inputs) squared; None for equal weight of all.
        root: Lower Cholesky factor of the channels' moments, (inputs, inputs).
        inputs: Energy along each leading direction of the inputs, falling.
        outputs: The same of the outputs.
    """

    kernel: Array
    moments: Array | None
    root: Array
    inputs: Array
    outputs: Array

    @property
    def errors(self) -> tuple[Array, Array]:
        """Error of every rank of the inputs alone, and of the outputs alone.

        Relative to the whole energy, for ranks from 0 to all channels.
        """
        return _tails(self.inputs), _tails(self.outputs)

    def cost(self, r: Any, s: Any) -> Any:
        """Weights of the factors; a rank of all channels needs none for its axis."""
        window, inputs, outputs = self.kernel.shape
        first = np.where(np.equal(r, inputs), 0, r * inputs)
        last = np.where(np.equal(s, outputs), 0, s * outputs)
        return first + window * r * s + last

    def place(self, share: float) -> int:
        """The offer of the least error whose factors have a share of the weights.

        The error is bounded by the sum of both axes' own; the smallest ranks are taken
        where none fits.
        """
        weights, errors = (part[:-1] for part in self.offers)
        fits = weights <= share * self.kernel.size
        return int(np.argmin(np.where(fits, errors, np.inf))) if fits.any() else 0

    @cached_property
    def offers(self) -> tuple[Array, Array]:
        """Weights and error of each pair of ranks, and of the kernel as it is."""
        ours, theirs = self.errors
        error = ours[1:, None] + theirs[None, 1:]
        r, s = np.indices(error.shape) + 1
        cost = self.cost(r, s).astype(np.float64)
        gains = cost < self.kernel.size
        error = np.where(gains, error, np.inf)
        return (
            np.append(cost.ravel(), self.kernel.size),
            np.append(error.ravel(), 0.0),
        )

    def ranks_at(self, place: int) -> tuple[int, int]:
        """The pair of ranks at a place of `offers`; all channels at the last."""
        _, inputs, outputs = self.kernel.shape
        if place == inputs * outputs:
            return inputs, outputs
        r, s = divmod(place, outputs)
        return r + 1, s + 1

    def factors(self, r: int, s: int) -> tuple[Array, Array, Array]:
        """A (inputs, r), the core (window, r, s) and B (s, outputs)."""
        window, inputs, outputs = self.kernel.shape
        basis = np.eye(outputs)
        first, core = np.eye(inputs), self.kernel
        for _ in range(_ROUNDS):
            if r < inputs:
                first = self._inputs(self.kernel @ basis, r)
            core, basis = self._rest(first, s)
            if s == outputs or r == inputs:
                break  # The other axis has nothing to be improved by.
        last = basis.T
        if r < inputs:
            lines = core.transpose(1, 0, 2).reshape(r, -1)
            first, lines = balanced(first, lines)
            core = lines.reshape(r, window, s).transpose(1, 0, 2)
        if s < outputs:
            columns, last = balanced(core.reshape(-1, s), last)
            core = columns.reshape(window, r, s)
        return first, core, last

    def code(self, place: int, site: Site) -> LowRank:
        """The factors at a place of `offers` as kernels of two or three layers."""
        r, s = self.ranks_at(place)
        window = site.shape[:-2]
        point = (1,) * len(window)
        first, core, last = self.factors(r, s)
        parts = [factor(core.reshape(*window, r, s))]
        if r < first.shape[0]:
            parts.insert(0, factor(first.reshape(*point, *first.shape)))
        if s < last.shape[1]:
            parts.append(factor(last.reshape(*point, *last.shape)))
        return LowRank(tuple(parts), site.shape)

    def _inputs(self, kernel: Array, r: int) -> Array:
        """``L^-T`` times the leading directions of ``L^T K``, (inputs, r)."""
        lines = self.root.T @ kernel.transpose(1, 0, 2).reshape(kernel.shape[1], -1)
        _, vectors = _linalg.eigh(lines @ lines.T)
        found: Array = _linalg.solve(self.root.T, vectors[:, ::-1][:, :r])
        return found

    def _rest(self, first: Array, s: int) -> tuple[Array, Array]:
        """The core and the outputs' basis (outputs, s) that are best behind A."""
        window, inputs, outputs = self.kernel.shape
        r = first.shape[1]
        spread = np.einsum("pq,ir->piqr", np.eye(window), first)
        spread = spread.reshape(window * inputs, window * r)
        kernel = self.kernel.reshape(-1, outputs)
        if self.moments is None:
            made = spread.T @ kernel
            fitted = made
        else:
            seen = spread.T @ self.moments
            made = seen @ kernel
            fitted = _linalg.solve(seen @ spread, made)
        _, vectors = _linalg.eigh(made.T @ fitted)
        basis = vectors[:, ::-1][:, :s] if s < outputs else np.eye(outputs)
        return (fitted @ basis).reshape(window, r, s), basis


def tucker_of(values: NDArray[np.float32], gram: Gram | None) -> Tucker:
    """The decomposition of a kernel, kept as long as the kernel is there.

    Args:
        values: A convolution's kernel, (..., inputs, outputs), not written to any more.
        gram: What it saw, as one matrix; None for the plain one.
    """
    return kept("tucker", values, gram, lambda: _start(values, gram))


def _start(values: NDArray[np.float32], gram: Gram | None) -> Tucker:
    kernel = values.astype(np.float64).reshape(-1, *values.shape[-2:])
    window, inputs, outputs = kernel.shape
    moments = None if gram is None else gram.hessian()[0]
    root = np.eye(inputs)
    flat = kernel.reshape(-1, outputs)
    pulled = flat
    if moments is not None:
        parts = moments.reshape(window, inputs, window, inputs)
        root = _linalg.cholesky(np.einsum("pipj->ij", parts) / window)
        pulled = moments @ flat
    lines = root.T @ kernel.transpose(1, 0, 2).reshape(inputs, -1)
    ours = _linalg.eigvalsh(lines @ lines.T)[::-1]
    theirs = _linalg.eigvalsh(flat.T @ pulled)[::-1]
    return Tucker(kernel, moments, root, np.maximum(ours, 0.0), np.maximum(theirs, 0.0))


def _tails(energy: Array) -> Array:
    """What lies beyond each rank, relative to all."""
    left = np.append(np.cumsum(energy[::-1])[::-1], 0.0)
    return left / (left[0] if left[0] > 0 else 1.0)


def smallest_share(shape: tuple[int, ...]) -> float:
    """Share of the weights that factors of rank 1 have."""
    inputs, outputs = shape[-2:]
    window = math.prod(shape[:-2])
    cost = (inputs > 1) * inputs + window + (outputs > 1) * outputs
    return cost / math.prod(shape)
