"""Clustering: weights share a few values, each stored as an index into a codebook.

See `workbench.core.codebooks`; pruned weights stay exactly zero and are in no cluster.
Source: Han et al. 2016, arXiv 1510.00149.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from workbench.core.codebooks import borders, codebook, coded, tables_of
from workbench.core.descent import in_table
from workbench.core.knob import knob
from workbench.core.layout import Layout
from workbench.core.reconstruction import coded_shift, with_feedback
from workbench.core.step import CODING, TensorStep, steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.calibration import Gram
    from workbench.core.tensor import CompressedTensor, Site


@steps.add("clustering")
@dataclass(frozen=True)
class Clustering(TensorStep):
    """Give weights the nearest of a few shared values, by k-means.

    A weight that is zero counts as pruned.

    Attributes:
        clusters: Entries of a codebook.
        granularity: One codebook per ``tensor`` or one per ``channel``.
        rounding: Each weight to the ``nearest`` value, or with ``feedback``: its error
            passed on to the ones after it, by what calibration saw, which also says
            how much an error counts for the clusters; ``adaptive`` goes on from there
            for as long as the layer's error falls.
    """

    name: ClassVar[str] = "clustering"
    phase: ClassVar[int] = CODING
    follows_inputs: ClassVar[bool] = True

    clusters: int = knob(16, low=2, high=256)
    granularity: str = knob("tensor", choices=("tensor", "channel"))
    rounding: str = knob("nearest", choices=("nearest", "feedback", "adaptive"))

    def apply(self, tensor: CompressedTensor, site: Site) -> CompressedTensor:
        """The tensor on its codebook; zeros stay zero, as a mask."""
        is_kept = tensor.dense != 0
        if not is_kept.all():
            tensor = tensor.masked(is_kept)
        gram = site.current or site.gram
        if self.rounding != "nearest" and gram is not None:
            return self._repaired(tensor, site, gram)
        axes = self._axes(site)
        tables = tables_of(tensor.dense, self.clusters, kept=tensor.mask, axes=axes)
        return tensor.coded(coded(tensor.dense, tables, axes))

    def plain(self) -> Clustering:
        """The same with each weight at the nearest value."""
        return replace(self, rounding="nearest")

    def _repaired(
        self, tensor: CompressedTensor, site: Site, gram: Gram
    ) -> CompressedTensor:
        layout, axes = Layout.of(site, len(gram.moments)), self._axes(site)
        hessian = gram.hessian()
        aim = layout.matrices(tensor.dense.astype(np.float64))
        kept = layout.matrices(tensor.dense != 0)
        matters = np.einsum("gii->gi", hessian)[:, None]
        tables = tables_of(
            tensor.dense,
            self.clusters,
            kept=tensor.mask,
            axes=axes,
            importance=layout.tensor(np.broadcast_to(matters, aim.shape)),
        )
        entries = np.broadcast_to(tables, (*site.shape, tables.shape[-1]))
        books = [layout.matrices(entries[..., i]) for i in range(tables.shape[-1])]
        codes = np.zeros(aim.shape, np.uint8)

        def nearest(group: int, j: int, moved: NDArray[np.float64]) -> Any:
            table = np.stack([book[group, :, j] for book in books], axis=-1)
            above = moved[:, None] > borders(table)
            codes[group, :, j] = np.count_nonzero(above, axis=1)
            found = np.take_along_axis(table, codes[group, :, j, None].astype(int), -1)
            return np.where(kept[group, :, j], found[:, 0], 0.0)

        with_feedback(aim, hessian, nearest)
        if self.rounding == "adaptive":
            rows = np.stack([book[..., 0] for book in books], axis=-1)
            codes = in_table(codes, aim, kept, hessian, rows.astype(np.float64))
        made = tensor.coded(codebook(layout.tensor(codes), tables))
        return replace(made, shift=coded_shift(made, tensor, site, gram))

    def _axes(self, site: Site) -> tuple[int, ...]:
        return site.channel_axes if self.granularity == "channel" else ()
