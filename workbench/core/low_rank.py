"""A kernel as a product of two thinner matrices: the best one of every rank at once.

For a matrix ``M (inputs, outputs)`` over inputs x with ``H = E[x x^T] = L L^T``, the
product of rank r with the least error ``E |(M - M')^T x|^2 = ||L^T (M - M')||^2`` keeps
the r largest singular values of ``L^T M``. With V its right singular vectors

    M' = M V_r V_r^T,        error(r) = sum of the squared singular values beyond r

so that one decomposition answers every rank. Without H it is the truncated SVD of M.
Sources: Eckart and Young 1936; Zhang et al. 2015, arXiv 1505.06798.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import finalize

import numpy as np

from workbench.core.codes import Float, LowRank
from workbench.core.layout import Layout
from workbench.core.reconstruction import shift_of
from workbench.core.tensor import CompressedTensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.tensor import Site

    Matrix = NDArray[np.float64]

Kept = TypeVar("Kept")
# Beyond it a decomposition takes minutes.
WIDEST = 2048
# What the product of factors may reach before and after they are pruned and rounded.
LARGEST = float(np.finfo(np.float32).max) / 8
# Its own types leave the result open.
_linalg = cast("Any", np.linalg)


@dataclass(frozen=True)
class Matrices:
    """How a kernel is one matrix ``(inputs, outputs)``, and what its factors look like.

    Attributes:
        rows: Number of inputs, a convolution's window included.
        columns: Number of outputs.
        window: Spatial axes of a convolution; empty for all else.
        is_swapped: Whether the kernel has its outputs first, as an embedding does.
    """

    rows: int
    columns: int
    window: tuple[int, ...]
    is_swapped: bool

    @classmethod
    def of(cls, site: Site) -> Matrices | None:
        """The matrix of a site; None where it is none, or the axes are interleaved."""
        layout = Layout.of(site)
        if layout.groups or not layout.inputs or not layout.outputs:
            return None
        is_swapped = min(layout.outputs) < min(layout.inputs)
        first, last = layout.inputs, layout.outputs
        first, last = (last, first) if is_swapped else (first, last)
        if (*first, *last) != tuple(range(len(site.shape))):
            return None
        window = site.shape[:-2] if site.kind == "conv" else ()
        columns = math.prod(site.shape[axis] for axis in layout.outputs)
        return cls(layout.inputs_count, columns, window, is_swapped)

    @property
    def break_even(self) -> float:
        """The rank at which the factors have as many weights: ``m n / (m + n)``."""
        return self.rows * self.columns / (self.rows + self.columns)

    @property
    def full(self) -> int:
        """The largest rank."""
        return min(self.rows, self.columns)

    def rank(self, share: float) -> int:
        """The rank whose factors have a share of the weights at most; at least 1.

        Args:
            share: Of the kernel's weights, above 0 and up to 1.
        """
        return max(1, math.floor(share * self.break_even + _EXACT))

    def matrix(self, values: NDArray[np.float32]) -> Matrix:
        """A kernel as the matrix, float64."""
        wide = values.astype(np.float64)
        if self.is_swapped:
            return np.ascontiguousarray(wide.reshape(self.columns, self.rows).T)
        return wide.reshape(self.rows, self.columns)

    def code(self, first: Matrix, second: Matrix, site: Site) -> LowRank:
        """Factors ``(inputs, r) (r, outputs)`` as kernels of two layers."""
        pair = (second.T, first.T) if self.is_swapped else (first, second)
        rank = first.shape[1]
        if self.window:
            channels = self.rows // math.prod(self.window)
            shapes = (
                (*self.window, channels, rank),
                (*(1,) * len(self.window), rank, self.columns),
            )
            pair = tuple(p.reshape(s) for p, s in zip(pair, shapes, strict=True))
        return LowRank(tuple(map(factor, pair)), site.shape)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The decomposition of a kernel.

    Attributes:
        matrices: How the kernel is a matrix.
        values: Singular values of ``L^T M``, falling, (full rank,).
        left: ``M V``, (inputs, full rank), each with the norm of its right vector.
        right: ``V^T``, (full rank, outputs).
    """

    matrices: Matrices
    values: Matrix
    left: Matrix
    right: Matrix

    @cached_property
    def errors(self) -> Matrix:
        """``error(r) / error(0)`` for r from 0 to the full rank."""
        left = np.cumsum(np.square(self.values)[::-1])[::-1]
        total = left[0] if left.size and left[0] > 0 else 1.0
        return np.append(left, 0.0) / total

    @cached_property
    def offers(self) -> tuple[Matrix, Matrix]:
        """Weights and error of each rank from 1 on that gains, and of the kernel."""
        rows, columns = self.matrices.rows, self.matrices.columns
        ranks = np.arange(1, min(math.ceil(self.matrices.break_even), len(self.errors)))
        weights = np.append(ranks * (rows + columns), rows * columns)
        return weights.astype(np.float64), np.append(self.errors[ranks], 0.0)

    def factors(self, rank: int) -> tuple[Matrix, Matrix]:
        """The best factors of a rank."""
        return self.left[:, :rank], self.right[:rank]

    def place(self, share: float) -> int:
        """Which of its offers has a share of the weights, above 0 and below 1."""
        return self.matrices.rank(share) - 1

    def code(self, place: int, site: Site) -> LowRank:
        """The product at a place of `offers`, but the last."""
        return self.matrices.code(*self.factors(place + 1), site)


def spectrum_of(
    values: NDArray[np.float32], site: Site, gram: Gram | None
) -> Spectrum | None:
    """The decomposition of a kernel, kept as long as the kernel is there.

    Args:
        values: Weights that are not written to any more.
        site: Their place.
        gram: What they saw; None for the plain one.

    Returns:
        None where the kernel is no single matrix.
    """
    matrices = Matrices.of(site)
    if matrices is None:
        return None
    return kept("svd", values, gram, lambda: _decompose(values, matrices, gram))


def kept(
    name: str,
    values: NDArray[np.float32],
    gram: Gram | None,
    compute: Callable[[], Kept],
) -> Kept:
    """What follows from weights and what they saw, kept as long as both are there.

    Args:
        name: What it is.
        values: Weights that are not written to any more.
        gram: What they saw; None where it has no part.
        compute: Called where it is not known yet.
    """
    key = (name, id(values), id(gram))
    if key not in _known:
        _known[key] = compute()
        for owner in (values, gram):
            if owner is not None:
                finalize(owner, _known.pop, key, None).atexit = False
    return _known[key]


def factored(
    tensor: CompressedTensor, code: LowRank, site: Site, gram: Gram | None
) -> CompressedTensor:
    """A tensor as a product, the mean of what is lost taken up by the bias.

    Returns:
        The tensor as it is where it is pruned or coded already, or its weights are so
        large that the product could leave float32.
    """
    if not is_new(tensor) or not is_safe(code):
        return tensor
    made = tensor.coded(code)
    return made if gram is None else replace(made, shift=lost_mean(made, site, gram))


def is_new(tensor: CompressedTensor) -> bool:
    """Whether a tensor is neither pruned nor coded yet."""
    return isinstance(tensor.code, Float) and tensor.mask is None


def lost_mean(
    tensor: CompressedTensor, site: Site, gram: Gram
) -> NDArray[np.float32] | None:
    """What the bias must take up for the mean of the outputs to stay."""
    lost = tensor.start.astype(np.float64) - tensor.dense
    return shift_of(Layout.of(site, len(gram.moments)).matrices(lost), gram)


def single(gram: Gram | None) -> Gram | None:
    """What a kernel saw, where it is a single matrix that saw it."""
    return gram if gram is not None and len(gram.moments) == 1 else None


def factor(values: Matrix) -> CompressedTensor:
    """A factor as an untouched tensor."""
    return CompressedTensor.of(np.ascontiguousarray(values, np.float32))


def is_safe(code: LowRank) -> bool:
    """Whether no product of the factors' weights leaves float32."""
    bound = 1.0
    for part in code.factors:
        largest = float(np.abs(part.dense).max(initial=0))
        bound *= largest * part.dense.shape[-1]
    return bound < LARGEST


def balanced(first: Matrix, second: Matrix) -> tuple[Matrix, Matrix]:
    """The same product with equal norms of each column and the row that it meets.

    Rounding and pruning treat both factors alike then.
    """
    ours = _linalg.norm(first, axis=0)
    theirs = _linalg.norm(second, axis=1)
    is_used = (ours > 0) & (theirs > 0)
    ratio = np.ones_like(ours)
    np.divide(theirs, ours, out=ratio, where=is_used)
    scale = np.sqrt(ratio)
    return first * scale, second / scale[:, None]


def _decompose(
    values: NDArray[np.float32], matrices: Matrices, gram: Gram | None
) -> Spectrum:
    """By the eigenvectors of the smaller of ``A^T A`` and ``A A^T``, ``A = L^T M``."""
    matrix = matrices.matrix(values)
    root = None if gram is None else _linalg.cholesky(gram.hessian()[0])
    seen: Matrix = matrix if root is None else root.T @ matrix
    if matrices.columns <= matrices.rows:
        powers, vectors = _linalg.eigh(seen.T @ seen)
        right = vectors[:, ::-1].T
        left = matrix @ right.T
    else:
        powers, vectors = _linalg.eigh(seen @ seen.T)
        vectors = vectors[:, ::-1]
        right = vectors.T @ seen
        left = vectors if root is None else _linalg.solve(root.T, vectors)
    singular = np.sqrt(np.maximum(powers[::-1], 0.0))
    left, right = balanced(left, right)
    return Spectrum(matrices, singular, left, right)


_known: dict[tuple[str, int, int], Any] = {}
# A share that was computed from a rank gives that rank again.
_EXACT = 1e-9
