"""The rows that meet each kernel of a layer, told by the layer's own call.

A row is what one output is a product of: the input of a dense layer, the patch of a
convolution, the input or the state before of a recurrent layer, at every step. There
are thousands to a picture: only those that are drawn are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from workbench.core.calibration import Bias
from workbench.engine.sites import RECURRENT, einsum_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Note = Callable[[str, "Rows"], None]

_L = keras.layers
_FLAT = (_L.Conv1D, _L.DepthwiseConv1D, _L.SeparableConv1D)
_PATCHED = (_L.Conv2D, _L.DepthwiseConv2D, _L.SeparableConv2D, *_FLAT)


class Rows:
    """The rows that meet a kernel in a call, within a graph.

    Args:
        count: How many there are.
        at: Makes those at some places, (places, groups, inputs), in the order of
            `workbench.core.layout.Layout`.
    """

    def __init__(self, count: tf.Tensor, at: Callable[[tf.Tensor], tf.Tensor]) -> None:
        """Nothing is made yet."""
        self.count, self.at = count, at

    @classmethod
    def of(cls, rows: tf.Tensor) -> Rows:
        """Those that are there already."""
        return cls(tf.shape(rows)[0], lambda places: tf.gather(rows, places))


def drawn(calls: Sequence[Rows], most: tf.Tensor) -> tf.Tensor:
    """About so many of the rows of all calls, evenly drawn, float32; within a graph."""
    total = tf.add_n([rows.count for rows in calls])
    # An odd step, so that it does not fall in with the lines of a picture.
    step = tf.maximum(1, total // most) // 2 * 2 + 1
    parts = [rows.at(tf.range(0, rows.count, step)) for rows in calls]
    return tf.cast(tf.concat(parts, 0), tf.float32)


def watched(layer: Any, note: Note) -> Callable[..., Any] | None:
    """A call of a layer that does the same and tells its rows.

    Args:
        layer: A layer of Keras.
        note: Takes a kernel's name and its rows.

    Returns:
        None for a layer whose rows are not known how to find.
    """
    call = layer.call
    if isinstance(layer, RECURRENT):
        return _recurrent(layer, call, note)
    tell = _tell_of(layer)
    if tell is None:
        return None

    def telling(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        tell(layer, tf.convert_to_tensor(inputs), note)
        return call(inputs, *args, **kwargs)

    return telling


def bias_of(layer: Any, kernel: str, path: str) -> Bias | None:
    """Where a shift behind a kernel can be taken up, in the layer's bias.

    Args:
        layer: The layer.
        kernel: The kernel's name.
        path: Address of the bias.
    """
    if isinstance(layer, _L.GRU) and layer.reset_after:
        return Bias(path, 0 if kernel == "kernel" else 1)
    if isinstance(layer, _L.GRU) and kernel != "kernel":
        return None  # What the candidate sees is gated.
    is_inner = kernel == "depthwise_kernel" or (
        kernel == "kernel" and isinstance(layer, _L.SeparableConv2D)
    )
    return None if is_inner and hasattr(layer, "pointwise_kernel") else Bias(path)


def _tell_of(layer: Any) -> Callable[[Any, tf.Tensor, Note], None] | None:
    if isinstance(layer, _PATCHED):
        return _tell_patches if layer.data_format == "channels_last" else None
    if isinstance(layer, _L.EinsumDense):
        return _tell_einsum if "..." not in layer.equation else None
    return _tell_dense if isinstance(layer, _L.Dense) else None


def _tell_dense(_: Any, x: Any, note: Note) -> None:
    note("kernel", Rows.of(tf.reshape(x, [-1, 1, x.shape[-1]])))


def _tell_einsum(layer: Any, x: Any, note: Note) -> None:
    given, _, rest = layer.equation.replace(" ", "").partition(",")
    kernel, _, made = rest.partition("->")
    outputs = einsum_axes(layer.equation, len(kernel))
    shared = [letter for i, letter in enumerate(kernel) if i not in outputs]
    if any(letter in made for letter in shared):
        return  # A product for each of its entries: no one matrix.
    batch = [letter for letter in given if letter not in kernel]
    order = [given.index(letter) for letter in (*batch, *shared)]
    width = 1
    for letter in shared:
        width *= x.shape[given.index(letter)]
    note("kernel", Rows.of(tf.reshape(tf.transpose(x, order), [-1, 1, width])))


def _tell_patches(layer: Any, x: Any, note: Note) -> None:
    channels = x.shape[-1]
    if isinstance(layer, (_L.SeparableConv1D, _L.SeparableConv2D)):
        note("depthwise_kernel", _patches(layer, x, channels))
        convolve: Any = keras.ops.depthwise_conv
        between = convolve(
            x,
            layer.depthwise_kernel,
            strides=layer.strides,
            padding=layer.padding,
            dilation_rate=layer.dilation_rate,
            data_format=layer.data_format,
        )
        rows = tf.reshape(between, [-1, 1, between.shape[-1]])
        note("pointwise_kernel", Rows.of(rows))
        return
    is_depthwise = isinstance(layer, (_L.DepthwiseConv1D, _L.DepthwiseConv2D))
    note("kernel", _patches(layer, x, channels if is_depthwise else layer.groups))


def _patches(layer: Any, x: Any, groups: int) -> Rows:
    """What a convolution looks at, its channels in groups."""
    size, strides = list(layer.kernel_size), list(layer.strides)
    dilation, padding = list(layer.dilation_rate), layer.padding
    if isinstance(layer, _FLAT):
        if padding == "causal":
            x = tf.pad(x, [[0, 0], [dilation[0] * (size[0] - 1), 0], [0, 0]])
            padding = "valid"
        x = x[:, None]
        size, strides, dilation = [1, *size], [1, *strides], [1, *dilation]
    taps, channels = size[0] * size[1], x.shape[-1]
    reach = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    lengths: Any = tf.shape(x)[1:3]
    if padding == "same":
        # As many steps as begin within the picture, zeros on both sides of it.
        last = (lengths - 1) // strides * strides
        zeros = tf.maximum(last + reach - lengths, 0)
        sides = tf.stack([zeros // 2, zeros - zeros // 2], 1)
        x = tf.pad(x, tf.pad(sides, [[1, 1], [0, 0]]))
        lengths += zeros
    made = (lengths - reach) // strides + 1
    in_one = made[0] * made[1]

    def at(places: Any) -> tf.Tensor:
        place = places % in_one
        top = places // in_one * lengths[0] + place // made[1] * strides[0]
        left = place % made[1] * strides[1]
        lines = top[:, None] + dilation[0] * tf.range(size[0])
        columns = left[:, None] + dilation[1] * tf.range(size[1])
        index = lines[:, :, None] * lengths[1] + columns[:, None]
        pixels = tf.reshape(x, [-1, channels])
        found = tf.gather(pixels, tf.reshape(index, [-1]))
        split = tf.reshape(found, [-1, taps, groups, channels // groups])
        rows = tf.transpose(split, [0, 2, 1, 3])
        return tf.reshape(rows, [-1, groups, taps * channels // groups])

    return Rows(tf.shape(x)[0] * in_one, at)


def _recurrent(layer: Any, call: Callable[..., Any], note: Note) -> Callable[..., Any]:
    """A recurrent layer's call, made to return every step for as long as it runs."""

    def telling(sequences: Any, initial_state: Any = None, **kwargs: Any) -> Any:
        wanted = layer.return_sequences
        layer.return_sequences = True
        try:
            made = call(sequences, initial_state=initial_state, **kwargs)
        finally:
            layer.return_sequences = wanted
        parts = list(made) if isinstance(made, list | tuple) else [made]
        steps: Any = parts[0]
        first: Any = tf.zeros_like(steps[:, :1])
        if initial_state is not None:
            first = keras.tree.flatten(initial_state)[0][:, None]
        before: Any = tf.concat([first, steps[:, :-1]], 1)
        inputs: Any = tf.convert_to_tensor(sequences)
        inputs = tf.reverse(inputs, [1]) if layer.go_backwards else inputs
        mask = kwargs.get("mask")
        for name, x in (("kernel", inputs), ("recurrent_kernel", before)):
            if mask is None:
                rows = tf.reshape(x, [-1, x.shape[-1]])
            else:
                seen = tf.reverse(mask, [1]) if layer.go_backwards else mask
                rows = tf.boolean_mask(x, seen)
            note(name, Rows.of(rows[:, None]))
        if not wanted:
            parts[0] = steps[:, -1]
        return parts if isinstance(made, list | tuple) else parts[0]

    return telling
