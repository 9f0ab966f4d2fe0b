"""A network without the channels that are gone from it: smaller tensors, same codes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.core.codes import Affine, Codebook, Float, Gates, LowRank
from workbench.core.cost import sizes, tensor_sizes
from workbench.core.groups import cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workbench.core.codes import Code
    from workbench.core.cost import Sizes
    from workbench.core.groups import Cuts
    from workbench.core.network import Network
    from workbench.core.tensor import CompressedTensor


def shrunken(network: Network, cuts: Cuts) -> Network:
    """The network with entries cut out of its tensors and other variables.

    Args:
        network: Of the model as it was.
        cuts: From `workbench.core.groups.cuts_of`.
    """
    touched = {path for path, _ in cuts}
    tensors = {
        path: smaller(tensor, path, cuts) if path in touched else tensor
        for path, tensor in network.tensors.items()
    }
    digests = {
        path: _digest(digest, path, cuts) if path in touched else digest
        for path, digest in network.digests.items()
    }
    others = network.others
    if others is not None:
        others = {path: cut(values, path, cuts) for path, values in others.items()}
    return replace(network, tensors=tensors, digests=digests, others=others, made={})


def sizes_without(
    network: Network, cuts: Cuts, others: Mapping[str, NDArray[Any]]
) -> Sizes:
    """The sizes of a network in which what is cut out costs nothing.

    Args:
        network: Of the model as it was, which the float sizes remain those of.
        cuts: From `workbench.core.groups.cuts_of`.
        others: The variables of the model that are no kernels.
    """
    left = sum(cut(values, path, cuts).size for path, values in others.items())
    small = sizes(shrunken(network, cuts), left)
    tensors = {
        path: replace(each, float32=whole.float32, weights=whole.weights)
        for path, each in small.tensors.items()
        for whole in [tensor_sizes(network.tensors[path])]
    }
    original = 4 * sum(values.size for values in others.values())
    return replace(small, tensors=tensors, original=original)


def smaller(tensor: CompressedTensor, path: str, cuts: Cuts) -> CompressedTensor:
    """A tensor without what is cut out of it."""
    dense = cut(tensor.dense, path, cuts)
    return replace(
        tensor,
        dense=dense,
        mask=None if tensor.mask is None else cut(tensor.mask, path, cuts),
        code=_code(tensor.code, path, cuts) or Float(dense),
        counts=None,
        original=None if tensor.original is None else cut(tensor.original, path, cuts),
        shift=None,
    )


def _code(code: Code, path: str, cuts: Cuts) -> Code | None:
    """The code of what is left; None for values as they are."""
    if isinstance(code, Affine):
        return replace(
            code,
            q=cut(code.q, path, cuts),
            scale=cut(code.scale, path, cuts),
            zero_point=cut(code.zero_point, path, cuts),
        )
    if isinstance(code, Codebook):
        # The last axis of the centroids is none of the tensor's.
        return replace(
            code,
            indexes=cut(code.indexes, path, cuts),
            centroids=cut(code.centroids, path, cuts),
        )
    if isinstance(code, Gates):
        return _gates(code, path, cuts)
    return _factors(code, path, cuts) if isinstance(code, LowRank) else None


def _factors(code: LowRank, path: str, cuts: Cuts) -> LowRank:
    """Factors of what is left: inputs leave the first one, outputs the last one."""
    factors = list(code.factors)
    shape = list(code.shape)
    for end, from_last in ((0, 2), (-1, 1)):
        places = cuts.get((path, len(code.shape) - from_last))
        if places is not None:
            axis = factors[end].dense.ndim - from_last
            factors[end] = smaller(factors[end], path, {(path, axis): places})
            shape[-from_last] -= len(places)
    return LowRank(tuple(factors), tuple(shape))


def _gates(code: Gates, path: str, cuts: Cuts) -> Gates:
    """Gates of what is left: each loses the same inputs and its own outputs."""
    last = len(code.shape) - 1
    width = code.shape[last] // len(code.parts)
    outputs = cuts.get((path, last))
    parts: list[CompressedTensor] = []
    for place, part in enumerate(code.parts):
        own = dict(cuts)
        if outputs is not None:
            inside = outputs[outputs // width == place]
            own[path, last] = inside - place * width
        parts.append(smaller(part, path, own))
    shape = (*parts[0].dense.shape[:-1], sum(p.dense.shape[-1] for p in parts))
    return replace(code, parts=tuple(parts), shape=shape)


def _digest(digest: str, path: str, cuts: Cuts) -> str:
    state = hashlib.sha256(digest.encode())
    for (name, axis), places in sorted(cuts.items(), key=lambda item: item[0]):
        if name == path:
            state.update(f"{axis}:{places.tolist()}".encode())
    return state.hexdigest()
