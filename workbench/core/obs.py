"""Which weights to take out first, where each takes the others' make-up into account.

For a row of weights w over inputs with ``H = E[x x^T]``, taking out weight p and
refitting all others costs ``w_p^2 / [H^-1]_pp``. The cheapest one goes, the others move
by ``-[H^-1]_p w_p / [H^-1]_pp``, and p leaves ``H^-1``; so on until none is left. The
orders of the rows are merged: the row whose next weight is cheapest goes on. So the
masks of all sparsities are nested, and least squares on a mask gives the weights back.

Source: Hassibi and Stork 1993; Frantar and Alistarh 2022, arXiv 2208.11580.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from weakref import finalize

import numpy as np

from workbench.core.fused import in_parts
from workbench.core.layout import Layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.tensor import Site

    Matrices = NDArray[np.float64]

# Multiplications of an elimination, about 4e9 a second: beyond, it is not exact.
MOST_WORK = 3e10
TOO_WIDE = "obs.too_wide"
# Its own types leave the result open.
_linalg = cast("Any", np.linalg)


@dataclass(frozen=True, eq=False)
class Elimination:
    """The order in which the weights of a kernel are taken out.

    Attributes:
        ranks: Place of each weight in the order, int32, shape of the kernel.
        costs: What each adds to the layer's error, relative to ``tr(W H W^T)``, in the
            order; never falling.
        reason: Text key of why the order is only that of ``w^2 H_jj``; None where it is
            exact.
    """

    ranks: NDArray[np.int32]
    costs: NDArray[np.float32]
    reason: str | None = None

    def kept(self, pruned: int) -> NDArray[np.bool_]:
        """True where a weight is kept when so many are taken out."""
        return self.ranks >= pruned


def elimination_of(weights: NDArray[np.float32], site: Site) -> Elimination:
    """The order of a kernel, kept as long as its weights and its Gram matrix are there.

    Args:
        weights: Shape of the site; not written to any more.
        site: With a Gram matrix.
    """
    assert site.gram is not None
    key = (id(weights), id(site.gram))
    known = _eliminations.get(key)
    if known is None:
        known = _eliminations[key] = _elimination(weights, site, site.gram)
        for owner in (weights, site.gram):
            finalize(owner, _eliminations.pop, key, None).atexit = False
    return known


_eliminations: dict[tuple[int, int], Elimination] = {}


def is_too_wide(site: Site) -> bool:
    """Whether a kernel has too many weights in too long rows for an exact order."""
    return site.parameters * Layout.of(site).inputs_count ** 2 / 6 > MOST_WORK


def eliminate(
    weights: Matrices, hessian: Matrices
) -> tuple[NDArray[np.int32], Matrices]:
    """Take out every weight of each row, the cheapest first.

    Args:
        weights: (groups, outputs, inputs), float64.
        hessian: ``H``, positive definite, (groups, inputs, inputs).

    Returns:
        The inputs in the order in which each row gives them up, and what each adds to
        the row's error ``(w - w') H (w - w')``; both of the shape of `weights`.
    """
    order = np.empty(weights.shape, np.int32)
    costs = np.empty(weights.shape, np.float64)
    for group, h in enumerate(hessian):
        inverse: Matrices = _linalg.inv(h)
        inverse = (inverse + inverse.T) / 2
        _eliminate(weights[group], inverse, order[group], costs[group])
    return order, costs


def _eliminate(
    weights: Matrices, inverse: Matrices, order: NDArray[np.int32], costs: Matrices
) -> None:
    """Fill in order and costs of one group, some rows on each processor."""
    from workbench.core.obs_kernel import eliminate as run

    def part(rows: slice, _: slice) -> None:
        run(weights[rows], inverse, order[rows], costs[rows])

    in_parts((len(weights), 1), part)


def _elimination(weights: NDArray[np.float32], site: Site, gram: Gram) -> Elimination:
    layout = Layout.of(site, len(gram.moments))
    matrices = layout.matrices(weights).astype(np.float64)
    hessian = gram.hessian()
    signal = np.einsum("goi,gij,goj->", matrices, hessian, matrices, optimize=True)
    signal = max(float(signal), np.finfo(np.float64).tiny)
    if is_too_wide(site):
        costs = matrices**2 * np.einsum("gii->gi", hessian)[:, None]
        return _merged(costs / signal, layout, TOO_WIDE)
    order, costs = eliminate(matrices, hessian)
    # A row that went on to a cheaper weight has paid for the dearer one before.
    rising = np.maximum.accumulate(costs, axis=-1)
    placed = np.empty_like(rising)
    np.put_along_axis(placed, order.astype(np.intp), rising, axis=-1)
    ties = np.empty_like(order)
    places = np.broadcast_to(np.arange(order.shape[-1], dtype=np.int32), order.shape)
    np.put_along_axis(ties, order.astype(np.intp), places, axis=-1)
    return _merged(placed / signal, layout, None, ties)


def _merged(
    costs: Matrices,
    layout: Layout,
    reason: str | None,
    ties: NDArray[np.int32] | None = None,
) -> Elimination:
    """One order of all rows by rising cost, then by place within the row."""
    flat = costs.ravel()
    keys = (flat,) if ties is None else (ties.ravel(), flat)
    order = np.lexsort(keys)
    ranks = np.empty(flat.size, np.int32)
    ranks[order] = np.arange(flat.size, dtype=np.int32)
    ranks = layout.tensor(ranks.reshape(costs.shape))
    return Elimination(ranks, flat[order].astype(np.float32), reason)
