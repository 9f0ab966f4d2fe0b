"""The levels that a kernel may be brought to, with what each takes and what it costs.

A level is a share of pruned weights and a bit width. Its size is that in the stream;
its error that of the layer, relative to what it makes: with ``dW`` the change of its
weights and ``H`` the second moments of its inputs, ``tr(dW H dW^T) / tr(W H W^T)``.
Where the inputs are not known, ``||dW||^2 / ||W||^2`` stands for it. Large kernels are
tried on some of their outputs, evenly drawn.

Sources: Frantar and Alistarh 2022, arXiv 2201.13096 and 2208.11580.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.coded import coded_bytes
from workbench.core.codes import Affine
from workbench.core.layout import Layout
from workbench.core.level import Level, choices_of, filled, pruning_of
from workbench.core.step import steps
from workbench.core.tensor import CompressedTensor, Site
from workbench.core.wish import BITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

SPARSITIES = (
    *(0.0, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.88, 0.9),
    *(0.92, 0.94, 0.955, 0.97, 0.98, 0.99, 0.995),
)
# Many scales are dear where few weights are kept; at many bits one scale is no worse.
_ONE_SCALE_BITS = (5, 4, 3)
# A kernel of more weights is tried on so many of its outputs.
LARGE = 20_000
ROWS = 48
# From so many weights on every other sparsity is tried.
_MANY = 2_000_000


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
            levels[site.path] = filled(found, site.parameters)
            done += site.parameters
        self.database = Database(levels, self._others)
        yield 1.0


def _tried(site: Site, weights: NDArray[np.float32], sparsity: float) -> list[Level]:
    """The levels of one sparsity."""
    chooser = steps["obs"](**dict(pruning_of(sparsity).values))
    whole = chooser.apply(CompressedTensor.of(weights), site)
    place, tensor = _part(site, whole)
    chain = [steps["reconstruct"]()] if site.gram is not None and sparsity else []
    for step in chain:
        tensor = step.apply(tensor, place)
    loss = _Loss(place, tensor.start)
    sizes = _Sizes(tensor, whole)
    found: list[Level] = []
    for bits, granularity in product(BITS, ("channel", "tensor")):
        if granularity == "tensor" and bits not in _ONE_SCALE_BITS:
            continue
        made = tensor
        for choice in choices_of(0.0, bits, granularity):
            step = steps[choice.name](**dict(choice.values))
            step = step if site.gram is not None else step.plain() or step
            made = step.apply(tensor, place)
        found.append(
            Level(
                sparsity=sparsity,
                bits=bits,
                granularity=granularity,
                nbytes=sizes.of(made),
                kept=whole.nonzeros,
                error=loss.of(made.dense),
            )
        )
    return found


class _Sizes:
    """What a kernel takes in the stream, of which one part was tried.

    Where weights are kept is known of the whole kernel, what they are of the part.
    """

    def __init__(self, part: CompressedTensor, whole: CompressedTensor) -> None:
        self._is_whole = part.dense.size == whole.dense.size
        self._outputs = whole.dense.size / part.dense.size
        self._more = whole.nonzeros / max(part.nonzeros, 1)
        if not self._is_whole:
            self._where = _where(part), _where(whole)

    def of(self, made: CompressedTensor) -> int:
        """Bytes, tables included, of a code of the part."""
        coded = coded_bytes(made)
        if self._is_whole:
            return coded
        scales, code, each = 0, made.code, 1.0
        if isinstance(code, Affine):
            scales = coded_bytes(CompressedTensor.of(code.scale))
            each = self._outputs if code.scale.size > 1 else 1.0
        here, everywhere = self._where
        values = (coded - scales - here) * self._more
        return max(round(scales * each + everywhere + values), 1)


def _where(tensor: CompressedTensor) -> int:
    """Bytes that say where a tensor is not zero."""
    if tensor.mask is None:
        return 0
    one = np.ones((1,) * tensor.mask.ndim, np.float32)
    none = np.zeros(one.shape, np.int32)
    code = Affine(tensor.mask.astype(np.int8), one, none, 2, is_symmetric=True)
    return coded_bytes(CompressedTensor(code.decode(), tensor.mask, code))


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
        return float(np.vdot(rows @ self._hessian, rows))
