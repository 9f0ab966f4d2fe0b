"""The kernels of a model: which weights methods treat, and what they may know of them.

A kernel is a float weight of at least two axes that data is multiplied with (or, in an
embedding, looked up in): no bias, no statistic of a normalization, no state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from workbench.core.gates import GATES
from workbench.core.tensor import Site
from workbench.engine.layers import layers, owned, parts

if TYPE_CHECKING:
    from collections.abc import Mapping

_L = keras.layers

NORMALIZATIONS = (
    _L.BatchNormalization,
    _L.GroupNormalization,
    _L.LayerNormalization,
    _L.Normalization,
    _L.RMSNormalization,
    _L.SpectralNormalization,
    _L.UnitNormalization,
)
CELLS = (_L.LSTMCell, _L.GRUCell, _L.SimpleRNNCell)
CONVOLUTIONS = (_L.Conv1D, _L.Conv2D, _L.Conv3D)
TRANSPOSED = (_L.Conv1DTranspose, _L.Conv2DTranspose, _L.Conv3DTranspose)
DEPTHWISE = (_L.DepthwiseConv1D, _L.DepthwiseConv2D)
SEPARABLE = (_L.SeparableConv1D, _L.SeparableConv2D)
RECURRENT = (_L.LSTM, _L.GRU, _L.SimpleRNN)
RECURRENT_CONVOLUTIONS = (_L.ConvLSTM1D, _L.ConvLSTM2D, _L.ConvLSTM3D)

KERNEL_AXES = 2
_KERNEL_WORDS = ("kernel", "embedding", "weight")
_OTHER_WORDS = ("bias", "gamma", "beta", "mean", "variance", "scale", "alpha", "seed")


def sites(
    model: keras.Model, macs: Mapping[str, int | None] | None = None
) -> tuple[Site, ...]:
    """Every kernel of a model, in the order of `layers.variables`.

    Args:
        model: A built model.
        macs: Multiply-accumulates of one sample by path, from `macs.macs`.
    """
    counts = macs or {}
    found: list[Site] = []
    cells = _cells(model)
    for path, layer, variable in owned(model):
        if is_kernel(layer, variable):
            kind, axes = _kind(layer, variable, is_cell=id(layer) in cells)
            owner = cells.get(id(layer)) or type(layer).__name__
            found.append(
                Site(
                    path,
                    kind,
                    tuple(int(size) for size in variable.shape),
                    axes,
                    owner,
                    counts.get(path),
                    _reason(layer, variable),
                    gates=_gates(layer, owner),
                )
            )
    return tuple(found)


def is_kernel(layer: keras.Layer, variable: keras.Variable) -> bool:
    """Whether a layer's weight is a kernel."""
    if len(variable.shape) < KERNEL_AXES:
        return False
    if isinstance(layer, (*NORMALIZATIONS, _L.PReLU)):
        return False
    name = variable.name.lower()
    if any(word in name for word in _KERNEL_WORDS) and "scale" not in name:
        return True
    # A layer keeps statistics and state apart from what it learns, whether or not it
    # is frozen; what is kept there under another name is no kernel.
    is_state = any(variable is v for v in layer._non_trainable_variables)
    return not is_state and not any(word in name for word in _OTHER_WORDS)


def einsum_axes(equation: str, axes: int) -> tuple[int, ...]:
    """The output axes of an einsum's kernel: those that its input does not have.

    Args:
        equation: Such as ``abc,cde->abde``.
        axes: Number of axes of the kernel.
    """
    left, _, _ = equation.replace(" ", "").partition("->")
    given, _, kernel = left.partition(",")
    return tuple(i for i in range(axes) if kernel[i] not in given)


def _kind(
    layer: keras.Layer, variable: keras.Variable, *, is_cell: bool
) -> tuple[str, tuple[int, ...]]:
    """Kind and channel axes of a kernel."""
    last = len(variable.shape) - 1
    kind, axes = "other", (last,)
    if is_cell or isinstance(layer, CELLS):
        kind = "recurrent"
    elif isinstance(layer, DEPTHWISE) or "depthwise" in variable.name:
        kind, axes = "depthwise", (last - 1, last)
    elif isinstance(layer, TRANSPOSED):
        kind, axes = "conv", (last - 1,)
    elif isinstance(layer, (*CONVOLUTIONS, *SEPARABLE)):
        kind = "conv"
    elif isinstance(layer, _L.EinsumDense):
        kind, axes = "einsum", einsum_axes(layer.equation, last + 1) or axes
    elif isinstance(layer, _L.Embedding):
        kind, axes = "embedding", (0,)
    elif isinstance(layer, _L.Dense):
        kind = "dense"
    return kind, axes


def _gates(layer: keras.Layer, owner: str) -> tuple[str, ...]:
    """Names of the gates in a layer's kernels; none where it has none."""
    if isinstance(layer, _L.LSTMCell):
        return GATES["LSTM"]
    if isinstance(layer, _L.GRUCell):
        return GATES["GRU"]
    return GATES.get(owner, ()) if owner.startswith("Conv") else ()


def _reason(layer: keras.Layer, variable: keras.Variable) -> str | None:
    """Text key of why a kernel cannot be treated."""
    if getattr(layer, "quantization_mode", None) is not None:
        return "doctor.quantized"
    if "float" not in keras.backend.standardize_dtype(variable.dtype):
        return "doctor.not_float"
    if 0 in variable.shape:
        return "doctor.empty"
    return None


def _cells(model: keras.Model) -> dict[int, str]:
    """The class of the RNN around each cell, by the cell's identity."""
    found: dict[int, str] = {}
    for layer in layers(model).values():
        if isinstance(layer, _L.RNN):
            waiting = [layer.cell]
            while waiting:
                cell = waiting.pop()
                found[id(cell)] = type(layer).__name__
                waiting.extend(parts(cell))
    return found
