"""Multiply-accumulates of one sample, by watching one sample pass through a copy.

Formulas, per sample: a dense layer spends each weight once for every position of its
output, a convolution once for every output position, a recurrent layer once a step,
an einsum the product of all its indices' sizes, an embedding nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from workbench.core.errors import UserError
from workbench.engine.layers import clone, layers, owned, pack
from workbench.engine.sites import (
    CELLS,
    CONVOLUTIONS,
    DEPTHWISE,
    RECURRENT_CONVOLUTIONS,
    SEPARABLE,
    TRANSPOSED,
    einsum_axes,
    is_kernel,
)

_L = keras.layers
Shape = tuple[int, ...]


def macs(
    model: keras.Model, x: Sequence[NDArray[Any]] | None = None
) -> dict[str, int | None]:
    """Multiply-accumulates of one sample for every kernel, by path.

    Args:
        model: A built model; a copy of it is run.
        x: Samples, one array per input, of which the first gives the shapes that the
            model leaves open.

    Returns:
        A count for each kernel; None where the layer is unknown, or where without a
        sample the shapes are. A layer that is called twice counts twice.
    """
    example = _zeros(model) if x is None else [array[:1] for array in x]
    paths = {path for path, layer, v in owned(model) if is_kernel(layer, v)}
    if example is None:
        return dict.fromkeys(paths)
    try:
        copy = clone(model)
        calls = _watch(copy, example)
    except UserError:
        return dict.fromkeys(paths)
    by_layer = layers(copy)
    counts: Counter[str] = Counter()
    unknown: set[str] = set()
    for place, before, after in calls:
        for path, count in _spent(place, by_layer[place], before, after):
            counts[path] += count or 0
            unknown |= {path} if count is None else set()
    return {
        path: counts[path] if path in counts and path not in unknown else None
        for path in paths
    }


def _zeros(model: keras.Model) -> list[NDArray[Any]] | None:
    """One sample of zeros; None where the model leaves a size open."""
    inputs = getattr(model, "inputs", None)
    if not inputs or any(None in tensor.shape[1:] for tensor in inputs):
        return None
    return [np.zeros((1, *t.shape[1:]), np.dtype(t.dtype)) for t in inputs]


def _watch(
    model: keras.Model, x: Sequence[NDArray[Any]]
) -> list[tuple[str, Shape, Shape]]:
    """Address, first input's shape and first output's shape of every call."""
    calls: list[tuple[str, Shape, Shape]] = []

    def watched(path: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            result = call(*args, **kwargs)
            calls.append((path, _first_shape((args, kwargs)), _first_shape(result)))
            return result

        return run

    for path, layer in layers(model).items():
        layer.call = watched(path, layer.call)
    try:
        model(pack(model, [keras.ops.convert_to_tensor(a) for a in x]), training=False)
    except Exception as error:
        raise UserError("open.model_fails", reason=type(error).__name__) from error
    return calls


def _first_shape(values: Any) -> Shape:
    for value in keras.tree.flatten(values):
        if keras.ops.is_tensor(value):
            return tuple(value.shape)
    return ()


def _spent(
    path: str, layer: keras.Layer, before: Shape, after: Shape
) -> Iterator[tuple[str, int | None]]:
    """What one call spends in each kernel that the layer owns."""
    for name, owner, variable in owned(layer):
        if not is_kernel(owner, variable):
            continue
        if owner is layer:
            uses = _uses(layer, variable, before, after)
        elif isinstance(layer, _L.RNN):
            uses = _steps(layer, owner, before)
        else:
            continue
        count = None if uses is None else uses * math.prod(variable.shape)
        yield f"{path}/{name}", count


def _steps(layer: keras.Layer, cell: keras.Layer, before: Shape) -> int | None:
    is_known = isinstance(cell, CELLS) and not isinstance(layer, RECURRENT_CONVOLUTIONS)
    return before[1] if is_known else None


def _uses(
    layer: Any, variable: keras.Variable, before: Shape, after: Shape
) -> int | None:
    """How often one call multiplies with each weight."""
    uses = None
    if isinstance(layer, _L.Embedding):
        uses = 0
    elif isinstance(layer, TRANSPOSED):
        uses = _positions(layer, before)
    elif isinstance(layer, (*CONVOLUTIONS, *SEPARABLE, *DEPTHWISE)):
        uses = _positions(layer, after)
    elif isinstance(layer, _L.Dense):
        uses = math.prod(after[1:-1])
    elif isinstance(layer, _L.EinsumDense):
        own = einsum_axes(layer.equation, len(variable.shape))
        shared = [n for i, n in enumerate(variable.shape) if i not in own]
        uses = math.prod(before[1:]) // math.prod(shared)
    return uses


def _positions(layer: Any, shape: Shape) -> int:
    """Number of places in space of a convolution's input or output."""
    if layer.data_format == "channels_last":
        return math.prod(shape[1:-1])
    return math.prod(shape[2:])
