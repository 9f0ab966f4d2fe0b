"""From a network to a plain Keras model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from workbench.core.codes import LowRank
from workbench.core.errors import UserError
from workbench.core.network import Skipped
from workbench.engine.factor_directions import directions_of
from workbench.engine.factor_layers import chain_of, is_masking, within_reach
from workbench.engine.float32 import widen
from workbench.engine.layers import clone, layers, pack, variables
from workbench.engine.rebuild import rebuild

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.core.network import Network
    from workbench.engine.factor_layers import Chain
    from workbench.engine.workload import Workload

_SAMPLES = 16
# What another order of additions may change, of the largest output.
_TOLERANCES = {"float16": 2e-2, "bfloat16": 1e-1}
_USUAL_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Realized:
    """A network as a Keras model.

    Attributes:
        model: The model, not compiled.
        whole: Which kernels that are products of factors are there as their product,
            each with why.
    """

    model: keras.Model
    whole: tuple[Skipped, ...] = ()


def realize(
    workload: Workload, network: Network, *, in_float32: bool = False
) -> keras.Model:
    """A fresh Keras model with the values of a network.

    It is built of the user's layers and, where a kernel is a product of factors, of
    smaller ones of Keras; its file opens in plain Keras. Weights are there as floats on
    their grids; quantization of activations is not part of it.

    Args:
        workload: Where the model comes from; it is not changed.
        network: Its kernels, and its other variables where they are not the original's.
        in_float32: Whether it computes in float32 and holds its weights in it, whatever
            the policies of its layers say.

    Returns:
        The model, not compiled.
    """
    return realized(workload, network, in_float32=in_float32).model


def realized(
    workload: Workload, network: Network, *, in_float32: bool = False
) -> Realized:
    """The model of `realize`, and what it could not make smaller.

    The smaller layers are tried on real samples: where they do not compute the same to
    float error, the products stay.
    """
    model = clone(workload.model)
    if in_float32:
        widen(model)
    places = variables(model)
    for path, tensor in network.tensors.items():
        places[path].assign(tensor.dense)
    for path, values in (network.others or {}).items():
        places[path].assign(values)
    products = [p for p, t in network.tensors.items() if isinstance(t.code, LowRank)]
    if not products:
        return Realized(model)
    chains, whole = _chains(model, network, products)
    if not chains:
        return Realized(model, whole)
    try:
        smaller = _with_chains(model, chains)
    except UserError:
        return Realized(model, _all(products, "low_rank.not_rebuilt"))
    if not is_same(model, smaller, workload.examples(_SAMPLES)):
        return Realized(model, _all(products, "low_rank.differs"))
    return Realized(smaller, whole)


def _chains(
    model: keras.Model, network: Network, products: list[str]
) -> tuple[dict[str, Chain], tuple[Skipped, ...]]:
    """The smaller layers by address, and the products for which there are none."""
    within = within_reach(model)
    chains: dict[str, Chain] = {}
    reasons: dict[str, str] = {}
    ways: dict[str, dict[str, LowRank]] = {}
    for path in products:
        code = network.tensors[path].code
        assert isinstance(code, LowRank)
        address, _, name = path.rpartition("/")
        around, _, way = address.rpartition("/")
        layer = within.get(address)
        found = None if layer is None else chain_of(layer, name, code)
        if found is not None:
            chains[address] = found
        elif name == "kernel" and _is_two_way(within.get(around)):
            ways.setdefault(around, {})[way] = code
        else:
            is_known = layer is not None or _is_two_way(within.get(around))
            reasons[path] = "low_rank.no_layers" if is_known else "low_rank.inside"
    for address, codes in ways.items():
        found = directions_of(within[address], codes, is_masked=is_masking(model))
        if found is not None:
            chains[address] = found
            continue
        reasons |= {f"{address}/{way}/kernel": "low_rank.no_layers" for way in codes}
    whole = [path for path in products if path in reasons]
    return chains, tuple(Skipped(path, "realize", reasons[path]) for path in whole)


def _is_two_way(layer: keras.Layer | None) -> bool:
    return isinstance(layer, keras.layers.Bidirectional)


def _with_chains(model: keras.Model, chains: dict[str, Chain]) -> keras.Model:
    values: dict[str, NDArray[Any]] = {}
    known = variables(model)
    for address, chain in chains.items():
        for place, factor in chain.values.items():
            values[f"{address}/{place}"] = factor
        for name, place in chain.moved.items():
            if f"{address}/{name}" in known:
                values[f"{address}/{place}"] = np.array(known[f"{address}/{name}"])
    smaller = {address: chain.layer for address, chain in chains.items()}
    return rebuild(model, smaller, values)


def _all(paths: list[str], reason: str) -> tuple[Skipped, ...]:
    return tuple(Skipped(path, "realize", reason) for path in paths)


def is_same(one: keras.Model, other: keras.Model, examples: list[NDArray[Any]]) -> bool:
    """Whether two models say the same of samples, to float error."""
    said = [
        keras.tree.flatten(model(pack(model, examples), training=False))
        for model in (one, other)
    ]
    kinds = {layer.compute_dtype for layer in layers(one).values()}
    tolerance = max(_TOLERANCES.get(kind, _USUAL_TOLERANCE) for kind in kinds)
    for first, second in zip(*said, strict=True):
        a, b = (np.asarray(part, np.float32) for part in (first, second))
        largest = max(float(np.abs(a).max(initial=0)), 1.0)
        if not np.abs(a - b).max(initial=0) <= tolerance * largest:
            return False
    return True
