"""A tensor's weights in a few thousand bins: small enough to send to a browser.

Half of the edges are evenly spread over the range and half over the weights, so that
sparse tails and the crowd around zero are both told apart. Moments are taken about
each bin's middle: sums of squares about zero lose, in float32, the small errors of
wide grids.

A grid has a scale for each channel. So channels of alike range share their bins, each
scaled to the range that they have together: then one grid rounds all of them, as their
own grids do. Few weights have a bin each, and each channel bins of its own: from those
everything is exact. Of many weights the fraction of zeros is good to 0.3 points and the
SQNR to 0.2 dB on symmetric min-max grids; to 1.2 points on asymmetric ones, where each
channel has a zero point of its own; to 4 points and 1.5 dB where the range is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.channels import channels_of
from workbench.core.radix import sorted_copy

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 2048
GROUPS = 16
_CHUNK = 1 << 20


@dataclass(frozen=True, eq=False)
class WeightBins:
    """Counts and moments of weights between edges.

    Attributes:
        edges: Ascending, float32 (n + 1,); a bin holds its lower edge, the last bin
            both of its edges.
        counts: Weights in each bin, uint32 (n,).
        first: Sum of ``w - middle``, float32 (n,), with the middle of the bin.
        second: Sum of ``(w - middle)**2``, float32 (n,).
    """

    edges: NDArray[np.float32]
    counts: NDArray[np.uint32]
    first: NDArray[np.float32]
    second: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Bytes to send: 16 a bin."""
        parts = (self.edges, self.counts, self.first, self.second)
        return sum(part.nbytes for part in parts)


@dataclass(frozen=True, eq=False)
class ChannelBins:
    """The weights of some channels, each scaled so that its largest is `largest`.

    Attributes:
        bins: Bins of the scaled weights.
        largest: Root mean square of the channels' largest magnitudes.
        low: A scaled channel's typical smallest weight, at most 0.
        high: A scaled channel's typical largest weight, at least 0.
    """

    bins: WeightBins
    largest: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class TensorBins:
    """The weights of a tensor.

    Attributes:
        groups: Its channels, those of alike range together.
        low: Smallest weight, at most 0.
        high: Largest weight, at least 0.
    """

    groups: tuple[ChannelBins, ...]
    low: float
    high: float

    @property
    def nbytes(self) -> int:
        """Bytes to send."""
        return sum(group.bins.nbytes for group in self.groups)


def weight_bins(
    ordered: NDArray[np.float32], uniform: int = 1024, quantiles: int = 1024
) -> WeightBins:
    """Bin weights that are sorted already.

    Args:
        ordered: All weights, ascending, float32 (n,), at least one.
        uniform: Evenly spread bins over the range.
        quantiles: Further edges, evenly spread over the weights.

    Returns:
        At most ``uniform + quantiles`` bins; equal edges are one. Where there are no
        more weights than that, each has a bin of its own.
    """
    edges = _edges(ordered, uniform, quantiles)
    ends = np.searchsorted(ordered, edges)
    ends[-1] = ordered.size
    first, second = _moments(ordered, edges, ends)
    return WeightBins(edges, np.diff(ends).astype(np.uint32), first, second)


def tensor_bins(
    values: NDArray[np.float32], channel_axes: tuple[int, ...] = ()
) -> TensorBins:
    """Bin a tensor, channels of alike range together.

    Args:
        values: At least one weight, float32.
        channel_axes: Axes with a scale of their own.

    Returns:
        At most `GROUPS` groups of channels and about `BINS` bins; no more than `BINS`
        weights have a bin each, in a group for each channel.
    """
    channels = _by_channel(values, channel_axes)
    low, high = _extremes(channels)
    largest = np.maximum(-low, high)
    # A channel of zeros stays one, whatever it is scaled to.
    largest[largest == 0] = largest[largest > 0].min(initial=1)
    is_exact = values.size <= BINS
    groups = _each(largest.size) if is_exact else _groups(largest)
    half = values.size if is_exact else BINS // len(groups) // 2
    made: list[ChannelBins] = []
    for members in groups:
        typical = float(np.sqrt(np.square(largest[members]).mean()))
        factors = typical / largest[members]
        scaled = channels.take(members, axis=1)
        scaled *= factors[:, None].astype(np.float32)
        ordered = sorted_copy(scaled)
        del scaled
        made.append(
            ChannelBins(
                weight_bins(ordered, half, half),
                typical,
                *_typical_range(low[members] * factors, high[members] * factors),
            )
        )
    return TensorBins(tuple(made), float(low.min()), float(high.max()))


def _by_channel(
    values: NDArray[np.float32], axes: tuple[int, ...]
) -> NDArray[np.float32]:
    """The tensor as (outer, channel, inner)."""
    channels = channels_of(values.shape, axes)
    if channels is not None:
        return values.reshape(channels.outer, channels.count, channels.inner)
    count = int(np.prod([values.shape[axis] for axis in axes]))
    return np.moveaxis(values, axes, range(len(axes))).reshape(1, count, -1)


def _extremes(
    channels: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest and largest of zero and the weights of each channel."""
    # Along one long axis after the other: NumPy is slow where it meets short ones.
    least, most = (
        take(take(channels, axis=0), axis=-1, initial=0) for take in (np.min, np.max)
    )
    return least.astype(np.float64), most.astype(np.float64)


def _each(count: int) -> list[NDArray[np.int64]]:
    return [np.array([one], np.int64) for one in range(count)]


def _groups(largest: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Channels of alike range: borders evenly spread over channels and over ranges."""
    ranges = np.log(largest)
    even = np.linspace(float(ranges.min()), float(ranges.max()), GROUPS // 2 + 2)
    quantiles = np.quantile(ranges, np.linspace(0, 1, GROUPS // 2 + 1))
    borders = np.unique(np.append(even[1:-1], quantiles[1:-1]))
    ranks = np.searchsorted(borders, ranges, side="right")
    found = [np.flatnonzero(ranks == rank) for rank in range(borders.size + 1)]
    return [members for members in found if members.size]


def _typical_range(
    low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[float, float]:
    """A range as wide as several are in the root mean square, alike about zero."""
    width = float(np.sqrt(np.mean((high - low) ** 2)))
    share = float(-low.sum() / max((high - low).sum(), np.finfo(np.float64).tiny))
    return -width * share, width * (1 - share)


def _edges(
    ordered: NDArray[np.float32], uniform: int, quantiles: int
) -> NDArray[np.float32]:
    ends = ordered[[0, -1]]
    if ordered.size <= uniform + quantiles:
        # Halfway between neighbours, without a sum that could overflow.
        inner = ordered[1:] / 2 + ordered[:-1] / 2
    else:
        places = np.linspace(0, ordered.size - 1, quantiles + 1)[1:-1]
        even = np.linspace(float(ends[0]), float(ends[1]), uniform + 1)[1:-1]
        inner = np.append(ordered[places.astype(np.int64)], even)
    edges = np.unique(np.append(inner, ends).astype(np.float32))
    if edges.size == 1:
        edges = np.append(edges, np.nextafter(edges, np.float32(np.inf)))
    return edges.astype(np.float32)


def _moments(
    ordered: NDArray[np.float32], edges: NDArray[np.float32], ends: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    middles = (edges[1:].astype(np.float64) + edges[:-1]) / 2
    first, second = np.zeros((2, middles.size), np.float64)
    for begin in range(0, ordered.size, _CHUNK):
        part = ordered[begin : begin + _CHUNK]
        # Sorted weights of one bin lie side by side.
        places = np.clip(ends, begin, begin + part.size) - begin
        counts = np.diff(places)
        filled = np.flatnonzero(counts)
        gap = part - np.repeat(middles, counts)
        first[filled] += np.add.reduceat(gap, places[filled])
        second[filled] += np.add.reduceat(np.square(gap, out=gap), places[filled])
    return first.astype(np.float32), second.astype(np.float32)
