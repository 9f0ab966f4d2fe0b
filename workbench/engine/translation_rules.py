"""How single operations of TensorFlow are written for LiteRT."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workbench.engine.batching import sizes
from workbench.engine.flat_builder import SAME, VALID
from workbench.engine.flat_weights import CHANGES, SUBTRACT, Folded

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.engine.translation import Translation

    Rule = Callable[[Translation, tf.Operation], None]

_PADDINGS = {b"SAME": SAME, b"VALID": VALID}
_FUSED = {"Relu": 1, "Relu6": 3}
_MATRIX = 2


class Untranslatable(Exception):  # noqa: N818  # an answer, no fault
    """An operation is not known here, or not in this form."""


def _convolution(t: Translation, operation: tf.Operation) -> None:
    picture, kernel = operation.inputs
    _require(operation, kernel.shape.is_fully_defined())
    height, width, channels, filters = sizes(kernel)
    # Where there are groups of channels a kernel has those of one group only.
    _require(operation, picture.shape[-1] == channels)
    options: dict[str, int] = {"padding": _padding(operation)}
    options["strideH"], options["strideW"] = _sides(operation, "strides")
    # Keras writes a dilation around the convolution.
    _require(operation, _sides(operation, "dilations") == (1, 1))
    if operation.type == "Conv2D":
        layout = (height, width, channels, filters), (3, 0, 1, 2)
        _linear(t, operation, layout, "CONV_2D", "Conv2DOptions", **options)
    else:
        options["depthMultiplier"] = filters
        layout = (1, height, width, channels * filters), (0, 1, 2, 3)
        kind = "DepthwiseConv2DOptions"
        _linear(t, operation, layout, "DEPTHWISE_CONV_2D", kind, **options)


def _product(t: Translation, operation: tf.Operation) -> None:
    left, kernel = operation.inputs
    is_turned = operation.get_attr("transpose_a") or operation.get_attr("transpose_b")
    _require(operation, left.shape.rank == _MATRIX and not is_turned)
    _require(operation, kernel.shape.is_fully_defined())
    layout = tuple(sizes(kernel)), (1, 0)
    _linear(t, operation, layout, "FULLY_CONNECTED", "FullyConnectedOptions")


def _linear(
    t: Translation,
    operation: tf.Operation,
    layout: tuple[tuple[int, ...], tuple[int, ...]],
    name: str,
    kind: str,
    **options: int,
) -> None:
    """A product with a kernel, with what follows it channel by channel."""
    given, kernel = operation.inputs
    _require(operation, t.is_data(given) and not t.is_data(kernel))
    shape, order = layout
    output = operation.outputs[0]
    changes: list[tuple[str, str]] = []
    while (user := t.only_user(output)) is not None:
        change = _change(t, user, shape[-1])
        if change is None:
            break
        changes.append(change)
        t.absorb(user)
        output = user.outputs[0]
    folded = Folded(t.parameter(kernel), tuple(changes), shape, order)
    _emit(t, output, name, [t.number(given), *t.weights(folded)], kind, **options)


def _change(
    t: Translation, operation: tf.Operation, channels: int
) -> tuple[str, str] | None:
    """What an operation does to each channel of its input; None where it is more."""
    kind = CHANGES.get(operation.type)
    if kind is None:
        return None
    left, right = operation.inputs
    if kind != SUBTRACT and t.is_data(right):
        left, right = right, left
    if t.is_data(right) or not t.is_data(left) or right.shape.rank is None:
        return None
    *before, last = [1, *right.shape.as_list()]
    is_by_channel = all(size == 1 for size in before) and last in (1, channels)
    return (kind, t.parameter(right)) if is_by_channel else None


def _arithmetic(t: Translation, operation: tf.Operation, name: str, kind: str) -> None:
    output = operation.outputs[0]
    ranks = [tensor.shape.rank for tensor in operation.inputs]
    _require(operation, None not in ranks and max(ranks) == output.shape.rank)
    # Samples meet samples: what has fewer axes must be a weight.
    data = [tensor for tensor in operation.inputs if t.is_data(tensor)]
    _require(operation, all(d.shape.rank == output.shape.rank for d in data))
    _emit(t, output, name, [t.operand(tensor) for tensor in operation.inputs], kind)


def _by_value(t: Translation, operation: tf.Operation, name: str) -> None:
    output = t.make(operation.outputs[0])
    t.flat.operator(name, [t.number(operation.inputs[0])], output)


def _leaky(t: Translation, operation: tf.Operation) -> None:
    output = t.make(operation.outputs[0])
    alpha = operation.get_attr("alpha")
    given = [t.number(operation.inputs[0])]
    t.flat.operator("LEAKY_RELU", given, output, "LeakyReluOptions", alpha=alpha)


def _softmax(t: Translation, operation: tf.Operation) -> None:
    output = t.make(operation.outputs[0])
    given = [t.number(operation.inputs[0])]
    t.flat.operator("SOFTMAX", given, output, "SoftmaxOptions", beta=1.0)


def _pool(t: Translation, operation: tf.Operation, name: str) -> None:
    high, wide = _sides(operation, "ksize")
    step_y, step_x = _sides(operation, "strides")
    t.flat.operator(
        name,
        [t.number(operation.inputs[0])],
        t.make(operation.outputs[0]),
        "Pool2DOptions",
        padding=_padding(operation),
        filterHeight=high,
        filterWidth=wide,
        strideH=step_y,
        strideW=step_x,
    )


def _reduction(t: Translation, operation: tf.Operation, name: str) -> None:
    given, axes = operation.inputs
    numbers = np.atleast_1d(_known(operation, axes)) % (given.shape.rank or 1)
    _require(operation, given.shape.rank is not None and 0 not in numbers)
    inputs = [t.number(given), t.flat.constant(numbers.astype(np.int32))]
    keeps = bool(operation.get_attr("keep_dims"))
    output = t.make(operation.outputs[0])
    t.flat.operator(name, inputs, output, "ReducerOptions", keepDims=keeps)


def _pad(t: Translation, operation: tf.Operation) -> None:
    given, widths = operation.inputs
    paddings = _known(operation, widths)
    _require(operation, not paddings[0].any())
    inputs = [t.number(given), t.flat.constant(paddings.astype(np.int32))]
    t.flat.operator("PAD", inputs, t.make(operation.outputs[0]), "PadOptions")


def _join(t: Translation, operation: tf.Operation) -> None:
    *parts, place = operation.inputs
    output = operation.outputs[0]
    _require(operation, output.shape.rank is not None)
    axis = int(_known(operation, place)) % (output.shape.rank or 1)
    _require(operation, axis != 0 and all(map(t.is_data, parts)))
    inputs = [t.number(part) for part in parts]
    kind = "ConcatenationOptions"
    t.flat.operator("CONCATENATION", inputs, t.make(output), kind, axis=axis)


def _reshape(t: Translation, operation: tf.Operation) -> None:
    given, output = operation.inputs[0], operation.outputs[0]
    before, after = t.shape(given), t.shape(output)
    # As many values a sample: then samples stay samples.
    _require(operation, math.prod(before) == math.prod(after))
    number = t.make(output)
    inputs = [t.number(given), t.flat.constant(np.array(after, np.int32))]
    options = {"newShape": list(after)}
    t.flat.operator("RESHAPE", inputs, number, "ReshapeOptions", **options)


def _cast(t: Translation, operation: tf.Operation) -> None:
    given, output = operation.inputs[0], operation.outputs[0]
    _require(operation, output.dtype == tf.float32)
    if given.dtype == output.dtype:
        t.rename(output, given)
    else:
        t.flat.operator("CAST", [t.number(given)], t.make(output))


def _same(t: Translation, operation: tf.Operation) -> None:
    for given, output in zip(operation.inputs, operation.outputs, strict=True):
        if t.is_data(given):
            t.rename(output, given)


def _emit(
    t: Translation,
    output: tf.Tensor,
    name: str,
    inputs: list[int],
    kind: str,
    **options: int,
) -> None:
    """Write an operator, which also limits what it makes where that comes next."""
    user = t.only_user(output)
    if user is not None and user.type in _FUSED:
        options["fusedActivationFunction"] = _FUSED[user.type]
        t.absorb(user)
        output = user.outputs[0]
    t.flat.operator(name, inputs, t.make(output), kind, **options)


def _sides(operation: tf.Operation, name: str) -> tuple[int, int]:
    """The two values along height and width of an attribute of four."""
    _require(operation, operation.get_attr("data_format") == b"NHWC")
    first, height, width, last = operation.get_attr(name)
    _require(operation, first == last == 1)
    return height, width


def _padding(operation: tf.Operation) -> int:
    padding = operation.get_attr("padding")
    _require(operation, padding in _PADDINGS)
    return _PADDINGS[padding]


def _known(operation: tf.Operation, tensor: tf.Tensor) -> np.ndarray:
    """The values of a tensor that are part of the graph."""
    values = tf.get_static_value(tensor)
    _require(operation, values is not None)
    return np.asarray(values)


def _require(operation: tf.Operation, holds: Any) -> None:
    if not holds:
        raise Untranslatable(operation.name)


RULES: dict[str, Rule] = {
    "Conv2D": _convolution,
    "DepthwiseConv2dNative": _convolution,
    "MatMul": _product,
    "MaxPool": partial(_pool, name="MAX_POOL_2D"),
    "AvgPool": partial(_pool, name="AVERAGE_POOL_2D"),
    "Mean": partial(_reduction, name="MEAN"),
    "Max": partial(_reduction, name="REDUCE_MAX"),
    "BiasAdd": partial(_arithmetic, name="ADD", kind="AddOptions"),
    "Add": partial(_arithmetic, name="ADD", kind="AddOptions"),
    "AddV2": partial(_arithmetic, name="ADD", kind="AddOptions"),
    "Mul": partial(_arithmetic, name="MUL", kind="MulOptions"),
    "Sub": partial(_arithmetic, name="SUB", kind="SubOptions"),
    "RealDiv": partial(_arithmetic, name="DIV", kind="DivOptions"),
    "Relu": partial(_by_value, name="RELU"),
    "Relu6": partial(_by_value, name="RELU6"),
    "Elu": partial(_by_value, name="ELU"),
    "Sigmoid": partial(_by_value, name="LOGISTIC"),
    "Tanh": partial(_by_value, name="TANH"),
    "LeakyRelu": _leaky,
    "Softmax": _softmax,
    "Pad": _pad,
    "ConcatV2": _join,
    "Reshape": _reshape,
    "ExpandDims": _reshape,
    "Squeeze": _reshape,
    "Cast": _cast,
    "Identity": _same,
    "IdentityN": _same,
}
