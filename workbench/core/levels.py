"""The levels that a kernel may be brought to, with what each takes and what it costs.

A level is a share of pruned weights and a bit width. Its size is that of the entropy
code; its error that of the layer, relative to what it makes: with ``dW`` the change of
its weights and ``H`` the second moments of its inputs, ``tr(dW H dW^T) / tr(W H W^T)``.
Where the inputs are not known, ``||dW||^2 / ||W||^2`` stands for it. Large kernels are
tried on some of their outputs, evenly drawn.

Sources: Frantar and Alistarh 2022, arXiv 2201.13096 and 2208.11580.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.cost import FREQUENCY_BITS, tensor_sizes
from workbench.core.layout import Layout
from workbench.core.plan import Choice
from workbench.core.step import steps
from workbench.core.symbols import symbol_counts
from workbench.core.tensor import CompressedTensor, Site
from workbench.core.wish import BITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

SPARSITIES = (
    *(0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9),
    *(0.92, 0.94, 0.96, 0.97, 0.98, 0.99, 0.995),
)
FLOAT_BITS = 32
# Many scales are dear where few weights are kept; at many bits one scale is no worse.
_ONE_SCALE_BITS = (4, 3)
# A kernel of more weights is tried on so many of its outputs.
LARGE = 20_000
ROWS = 48
_ONE_SCALE_BYTES = 4
# From so many weights on every other sparsity is tried.
_MANY = 2_000_000


@dataclass(frozen=True)
class Level:
    """One setting of one kernel.

    Attributes:
        sparsity: Fraction of its weights that are pruned.
        bits: Bit width; 32 leaves the kept weights as they are refitted.
        granularity: One scale per ``channel`` or one per ``tensor``.
        nbytes: Estimated bytes of its entropy code, tables included.
        kept: Number of weights that are not pruned.
        error: What the layer loses, relative to what it makes.
    """

    sparsity: float
    bits: int
    granularity: str
    nbytes: int
    kept: int
    error: float

    def choices(self) -> tuple[Choice, ...]:
        """The steps that bring a kernel to it."""
        return _choices(self.sparsity, self.bits, self.granularity)


@dataclass(frozen=True, eq=False)
class Database:
    """Every level of every kernel that can be treated.

    Attributes:
        levels: By path of the kernel.
        others: Bytes of all that is no kernel.
    """

    levels: Mapping[str, tuple[Level, ...]]
    others: int


class Survey:
    """Tries every level of every kernel.

    Args:
        sites: The kernels, with Gram matrices where these are known.
        weights: Their values by path, float32.
        others: Bytes of all that is no kernel.

    Attributes:
        database: What was found; None before a run is through.
    """

    def __init__(
        self,
        sites: Sequence[Site],
        weights: Mapping[str, NDArray[np.float32]],
        others: int,
    ) -> None:
        """Nothing runs yet."""
        self._sites = [site for site in sites if site.can and site.parameters > 1]
        self._weights, self._others = weights, others
        self.database: Database | None = None

    def run(self) -> Iterator[float]:
        """Try them; closing the iterator stops it.

        Yields:
            Progress from 0 to 1.
        """
        whole = sum(site.parameters for site in self._sites)
        sparsities = SPARSITIES if whole <= _MANY else SPARSITIES[::2]
        levels: dict[str, tuple[Level, ...]] = {}
        done = 0
        for site in self._sites:
            found: list[Level] = []
            for place, sparsity in enumerate(sparsities):
                yield (done + place / len(sparsities) * site.parameters) / whole
                found += _tried(site, self._weights[site.path], sparsity)
            levels[site.path] = tuple(found)
            done += site.parameters
        self.database = Database(levels, self._others)
        yield 1.0


def _choices(sparsity: float, bits: int, granularity: str) -> tuple[Choice, ...]:
    made: list[Choice] = []
    if sparsity:
        made.append(_pruning(sparsity))
        made.append(Choice.of("reconstruct"))
    if bits < FLOAT_BITS:
        made.append(
            Choice.of(
                "uniform",
                bits=bits,
                granularity=granularity,
                range="mse",
                rounding="feedback",
            )
        )
    return tuple(made)


def _pruning(sparsity: float) -> Choice:
    return Choice.of("obs", sparsity=sparsity, scope="tensor")


def _tried(site: Site, weights: NDArray[np.float32], sparsity: float) -> list[Level]:
    """The levels of one sparsity."""
    chooser = steps["obs"](**dict(_pruning(sparsity).values))
    whole = chooser.apply(CompressedTensor.of(weights), site)
    place, tensor = _part(site, whole)
    chain = [steps["reconstruct"]()] if site.gram is not None and sparsity else []
    for step in chain:
        tensor = step.apply(tensor, place)
    kept = max(tensor.nonzeros, 1)
    loss = _Loss(place, tensor.start)
    found: list[Level] = []
    for bits, granularity in product(BITS, ("channel", "tensor")):
        if granularity == "tensor" and bits not in _ONE_SCALE_BITS:
            continue
        made = tensor
        for choice in _choices(0.0, bits, granularity):
            step = steps[choice.name](**dict(choice.values))
            step = step if site.gram is not None else step.plain() or step
            made = step.apply(tensor, place)
        found.append(
            Level(
                sparsity=sparsity,
                bits=bits,
                granularity=granularity,
                nbytes=round(_nbytes(made, whole, kept)),
                kept=whole.nonzeros,
                error=loss.of(made.dense),
            )
        )
    return found


def _nbytes(made: CompressedTensor, whole: CompressedTensor, kept: int) -> float:
    """Bytes of the whole kernel, of which `made` is a part with so many weights kept.

    The table of values is needed once, a scale for each output.
    """
    nbytes = tensor_sizes(made).entropy
    if made.dense.size == whole.dense.size:
        return nbytes
    values = 0 if made.bits == FLOAT_BITS else np.count_nonzero(symbol_counts(made))
    once = values * FREQUENCY_BITS / 8
    scales = made.code.table_bits / 8
    outputs = whole.dense.size / made.dense.size
    each = outputs if scales > _ONE_SCALE_BYTES else 1.0
    return (nbytes - once - scales) * whole.nonzeros / kept + once + scales * each


def _part(site: Site, whole: CompressedTensor) -> tuple[Site, CompressedTensor]:
    """Some outputs of a large kernel, as a dense one; a small one as it is."""
    layout = Layout.of(site, None if site.gram is None else len(site.gram.moments))
    outputs = site.parameters // max(layout.inputs_count * layout.groups_count, 1)
    if (
        site.gram is None
        or layout.groups_count > 1
        or outputs <= ROWS
        or site.parameters <= LARGE
    ):
        return site, whole
    rows = np.linspace(0, outputs - 1, ROWS).astype(int)

    def drawn(values: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(layout.matrices(values)[0][rows].T)

    part = CompressedTensor.of(drawn(whole.start))
    if whole.mask is not None:
        part = part.masked(drawn(whole.mask))
    shape = (layout.inputs_count, ROWS)
    place = replace(site, kind="dense", shape=shape, channel_axes=(1,))
    return place, part


class _Loss:
    """The relative error of a layer's outputs, up to a mean that a bias takes up."""

    def __init__(self, site: Site, start: NDArray[np.float32]) -> None:
        gram = site.gram
        self._layout = Layout.of(site, None if gram is None else len(gram.moments))
        self._start = start
        self._hessian = None if gram is None else gram.hessian(damping=0.0)
        self._signal = max(self._energy(start), np.finfo(np.float64).tiny)

    def of(self, dense: NDArray[np.float32]) -> float:
        """The error of other weights."""
        return self._energy(self._start - dense) / self._signal

    def _energy(self, weights: NDArray[np.float32]) -> float:
        rows = self._layout.matrices(weights).astype(np.float64)
        if self._hessian is None:
            return float(np.square(rows).sum())
        return float(np.einsum("goi,goi->", rows @ self._hessian, rows))
