"""The smaller layers that stand for a layer whose kernel is a product of factors.

They are layers of plain Keras, one after the other in a `keras.Sequential` that has the
name of the layer it replaces. The last one has the bias and the activation, one has the
window, strides and dilation, and a recurrent layer is entered through the first factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from workbench.engine.layers import is_graph, layers
from workbench.engine.sites import CONVOLUTIONS, RECURRENT, SEPARABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.core.codes import LowRank

_L = keras.layers
# What belonged to the whole kernel and not to its factors.
OF_KERNEL = ("kernel_regularizer", "kernel_constraint")


@dataclass(frozen=True, eq=False)
class Chain:
    """What takes the place of a layer.

    Attributes:
        layer: A model of the smaller layers; not built.
        values: The factors, by address below it.
        moved: Where each other variable of the layer went, by its name.
    """

    layer: keras.Model
    values: Mapping[str, NDArray[np.float32]]
    moved: Mapping[str, str]


def within_reach(model: keras.Model) -> dict[str, keras.Layer]:
    """The layers that `rebuild` can replace, by address: no other one holds them."""
    found = layers(model) if is_graph(model) else {}
    inside = {address for address, layer in found.items() if not is_graph(layer)}
    return {
        address: layer
        for address, layer in found.items()
        if not any(address.startswith(f"{owner}/") for owner in inside)
    }


def is_masking(model: keras.Model) -> bool:
    """Whether a model may mask steps of its sequences."""
    return any(
        isinstance(layer, _L.Masking) or getattr(layer, "mask_zero", False)
        for layer in layers(model).values()
    )


def chain_of(layer: keras.Layer, name: str, code: LowRank) -> Chain | None:
    """The smaller layers for a layer of Keras.

    Args:
        layer: The layer.
        name: Which of its variables is the product.
        code: Its factors.

    Returns:
        None where there are no smaller layers that compute the same.
    """
    make = _MAKERS.get(type(layer))
    factors = [np.asarray(factor.dense) for factor in code.factors]
    return None if make is None else make(layer, name, factors)


def entering(layer: Any, rank: int) -> keras.Layer:
    """A dense layer for the first factor of a layer's kernel."""
    name = _part(layer, 0)
    return _L.Dense(rank, use_bias=False, dtype=layer.dtype_policy, name=name)


def _dense(layer: Any, _: str, factors: Sequence[NDArray[Any]]) -> Chain:
    first = entering(layer, factors[0].shape[1])
    return _chain(layer, [first, _like(layer, 1)], factors)


def _einsum(layer: Any, _: str, factors: Sequence[NDArray[Any]]) -> Chain | None:
    given, _, rest = layer.equation.replace(" ", "").partition(",")
    kernel, _, made = rest.partition("->")
    summed = [letter for letter in kernel if letter in given]
    is_usable = "." not in layer.equation and not any(c in made for c in summed)
    if not is_usable or given[0] in kernel:
        return None
    free = next(c for c in "zyxwvu" if c not in layer.equation)
    between = "".join(c for c in given if c not in kernel) + free
    outputs = [letter for letter in kernel if letter not in given]
    sizes = dict(zip(kernel, layer.kernel.shape, strict=True))
    rank = factors[0].shape[1]
    first = _L.EinsumDense(
        f"{given},{''.join(summed)}{free}->{between}",
        (*(None,) * (len(between) - 2), rank),
        dtype=layer.dtype_policy,
        name=_part(layer, 0),
    )
    equation = f"{between},{free}{''.join(outputs)}->{made}"
    values = [
        factors[0].reshape(*(sizes[c] for c in summed), rank),
        factors[1].reshape(rank, *(sizes[c] for c in outputs)),
    ]
    return _chain(layer, [first, _like(layer, 1, equation=equation)], values)


def _convolution(layer: Any, _: str, factors: Sequence[NDArray[Any]]) -> Chain | None:
    if layer.groups != 1:
        return None
    size = tuple(layer.kernel_size)
    windowed = next(i for i, part in enumerate(factors) if part.shape[:-2] == size)
    last = len(factors) - 1
    made: list[keras.Layer] = []
    for place, part in enumerate(factors):
        changes: dict[str, Any] = {"filters": part.shape[-1]}
        if place != windowed:
            ones = (1,) * len(size)
            changes |= dict.fromkeys(("kernel_size", "strides", "dilation_rate"), ones)
            changes["padding"] = "valid"
        if place != last:
            changes |= {"use_bias": False, "activation": None}
        made.append(_like(layer, place, **changes))
    return _chain(layer, made, factors)


def _separable(layer: Any, name: str, factors: Sequence[NDArray[Any]]) -> Chain | None:
    if name != "pointwise_kernel":
        return None
    rank, filters = factors[1].shape[-2:]
    first = _like(layer, 0, filters=rank, use_bias=False, activation=None)
    plain = _L.Conv1D if isinstance(layer, _L.SeparableConv1D) else _L.Conv2D
    second = plain(
        filters,
        1,
        data_format=layer.data_format,
        activation=layer.activation,
        use_bias=layer.use_bias,
        dtype=layer.dtype_policy,
        name=_part(layer, 1),
    )
    names = ("pointwise_kernel", "kernel")
    moved = {"depthwise_kernel": f"{first.name}/depthwise_kernel"}
    return _chain(layer, [first, second], factors, names, moved)


def _embedding(layer: Any, _: str, factors: Sequence[NDArray[Any]]) -> Chain:
    rank, width = factors[1].shape
    first = _like(layer, 0, output_dim=rank)
    second = _L.Dense(
        width, use_bias=False, dtype=layer.dtype_policy, name=_part(layer, 1)
    )
    return _chain(layer, [first, second], factors, ("embeddings", "kernel"))


def _recurrent(layer: Any, name: str, factors: Sequence[NDArray[Any]]) -> Chain | None:
    if name != "kernel" or layer.return_state or layer.stateful:
        return None
    first = entering(layer, factors[0].shape[1])
    second = _like(layer, 1)
    moved = {"recurrent_kernel": f"{second.name}/recurrent_kernel"}
    return _chain(layer, [first, second], factors, moved=moved)


_MAKERS: dict[type, Callable[[Any, str, Sequence[NDArray[Any]]], Chain | None]] = {
    _L.Dense: _dense,
    _L.EinsumDense: _einsum,
    _L.Embedding: _embedding,
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    **dict.fromkeys(SEPARABLE, _separable),
    **dict.fromkeys(RECURRENT, _recurrent),
}


def _chain(
    layer: keras.Layer,
    made: list[keras.Layer],
    factors: Sequence[NDArray[Any]],
    names: Sequence[str] = (),
    moved: Mapping[str, str] | None = None,
) -> Chain:
    names = names or ["kernel"] * len(made)
    pairs = zip(made, names, factors, strict=True)
    return Chain(
        keras.Sequential(made, name=layer.name, trainable=layer.trainable),
        {f"{part.name}/{name}": values for part, name, values in pairs},
        {"bias": f"{made[-1].name}/bias", **(moved or {})},
    )


def _like(layer: keras.Layer, place: int, **changes: Any) -> keras.Layer:
    """A layer of the same kind, other in some ways."""
    config = layer.get_config() | changes | {"name": _part(layer, place)}
    names = (*OF_KERNEL, "pointwise_regularizer")
    dropped = {name: None for name in names if name in config}
    return type(layer).from_config(config | dropped)


def _part(layer: keras.Layer, place: int) -> str:
    return f"{layer.name}_factor_{place + 1}"
