"""What a network computes for one sample: MACs and bit operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.quantity import Quantity
from workbench.core.symbols import leaves

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.core.activations import OutputSite
    from workbench.core.network import Network
    from workbench.core.tensor import Site

FLOAT_BITS = 32


@dataclass(frozen=True)
class Work:
    """Arithmetic of one sample, over the kernels whose MACs are known.

    Attributes:
        macs: Multiply-accumulates, zeros included.
        kept_macs: Those whose weight is not zero; a runtime saves the others only
            with kernels for sparse weights.
        bops: MACs times weight bits times activation bits, 32 where float.
        unknown: Paths of the kernels whose MACs are unknown.
    """

    macs: Quantity
    kept_macs: Quantity
    bops: Quantity
    unknown: tuple[str, ...]


def work(
    sites: Iterable[Site], network: Network, outputs: Iterable[OutputSite] = ()
) -> Work:
    """Multiply-accumulates and bit operations of one sample.

    Each weight of a kernel is used as often as any other; so is each of its factors
    where it is a product, as if they all ran at the places where the kernel does.

    Args:
        sites: The kernels.
        network: The network.
        outputs: The places where activations are quantized: a kernel's activations
            count with the bit width of the pattern that it belongs to.
    """
    grids = network.activations
    widths = {
        kernel: grids[output.path].bits
        for output in outputs
        if output.path in grids
        for kernel in output.kernels
    }
    macs = kept = bops = 0.0
    unknown: list[str] = []
    for site in sites:
        if site.macs is None:
            unknown.append(site.path)
            continue
        tensor = network.tensors[site.path]
        width = widths.get(site.path, FLOAT_BITS)
        for leaf in leaves(tensor):
            own = site.macs * leaf.dense.size / max(tensor.dense.size, 1)
            macs += own
            kept += own * (1.0 - leaf.sparsity)
            bops += own * leaf.bits * width
    return Work(
        Quantity(macs, "MACs", "estimated"),
        Quantity(kept, "MACs", "estimated"),
        Quantity(bops, "BOPs", "estimated"),
        tuple(unknown),
    )
