"""How much a batch costs: how many samples to run at once, what a cut saves.

Large results are slow to allocate (each is a fresh piece of memory from the system), so
a batch is bounded by its largest one; and by its work, so that two at once take about
20 ms on two cores and can be cancelled soon. Both are read off the graph, not off a
clock: the same model is always run in the same batches.

A compiled graph drops each result after its last use. Keras by itself holds all that
the layers make until the end, so that what it is called on is bounded by their sum.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import tensorflow as tf

HELD_BYTES = 2**26
LARGEST_BYTES = 24 * 2**20
WORK = 2_000_000_000
MOST_ROWS = 4096
TILE_BYTES = 2 * 2**20
MOST_TILE_ROWS = 64
# Batches that a runtime takes at once which splits them into tiles by itself: at the
# end of each a thread waits for the last tile of another.
TILED_BATCHES = 4
_STEP = 64
# Even a large model is run on a few samples at once, where memory allows.
_FEWEST_ROWS = 4
# Making one value costs about as much as so many multiply-accumulates.
_VALUE = 50
_LOOPS = frozenset({"While", "StatelessWhile"})
_CONVOLUTIONS = frozenset({"Conv2D", "Conv3D", "DepthwiseConv2dNative"})
_PRODUCTS = frozenset({"MatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum"})


def batch_rows(operations: Iterable[tf.Operation], *, loop_macs: int) -> int:
    """Samples a batch for some operations of a graph.

    Args:
        operations: The ones that depend on the samples.
        loop_macs: As for `work`.

    Returns:
        1 to `MOST_ROWS`; a multiple of 64 from 64 on.
    """
    taken = list(operations)
    fast = WORK // max(1, work(taken, loop_macs=loop_macs))
    fitting = rows_within(LARGEST_BYTES, taken)
    rows = min(MOST_ROWS, fitting, max(fast, _FEWEST_ROWS))
    return rows // _STEP * _STEP or rows


def rows_within(nbytes: int, operations: Iterable[tf.Operation]) -> int:
    """Samples at once for each result to stay within some bytes; at least 1."""
    return max(1, nbytes // max([1, *map(result_bytes, operations)]))


def held_rows(sample_bytes: int) -> int:
    """Samples at once where all results are held until the end; at least 1.

    Args:
        sample_bytes: Memory of all results of one sample.
    """
    return max(1, HELD_BYTES // max(sample_bytes, 1))


def samples_for(budget: int, least: int, most: int, cost: int) -> int:
    """How many samples to look at: as many as a budget of work allows.

    Args:
        budget: Multiply-accumulates, as in `work`.
        least: Fewer tell too little.
        most: More tell nothing new.
        cost: Work of one sample.
    """
    return max(least, min(most, budget // max(cost, 1)))


def dependent(
    operations: Iterable[tf.Operation], given: Iterable[tf.Tensor]
) -> list[tf.Operation]:
    """The operations that depend on some tensors, these apart, in their order."""
    names = {tensor.op.name for tensor in given}
    found: list[tf.Operation] = []
    for operation in operations:
        if not names.isdisjoint(tensor.op.name for tensor in operation.inputs):
            names.add(operation.name)
            found.append(operation)
    return found


def tile_rows(operations: Iterable[tf.Operation]) -> int:
    """Samples at once where memory is used again: as many as the caches hold."""
    largest = max([1, *map(result_bytes, operations)])
    return 2 ** (max(1, min(MOST_TILE_ROWS, TILE_BYTES // largest)).bit_length() - 1)


def is_convolution(operation: tf.Operation) -> bool:
    """Whether an operation is a convolution."""
    return operation.type in _CONVOLUTIONS


def work(operations: Iterable[tf.Operation], *, loop_macs: int) -> int:
    """Cost of one sample, in multiply-accumulates of a matrix product.

    Args:
        operations: The ones that depend on the samples.
        loop_macs: What to assume for a loop, whose inside is not looked at.
    """
    return sum(
        _macs(operation, loop_macs) + _VALUE * sum(map(_values, operation.outputs))
        for operation in operations
    )


def sizes(tensor: tf.Tensor) -> list[int]:
    """The lengths of the axes; what is unknown counts as 1."""
    if tensor.shape.rank is None:
        return [1]
    return [size or 1 for size in tensor.shape.as_list()]


def tensor_bytes(tensor: tf.Tensor) -> int:
    """Memory of a tensor that has been computed."""
    return math.prod(sizes(tensor)) * tensor.dtype.size


def result_bytes(operation: tf.Operation) -> int:
    """Memory of one sample's results."""
    return sum(_values(t) * max(t.dtype.size, 1) for t in operation.outputs)


def _values(tensor: tf.Tensor) -> int:
    """Values of one sample."""
    return math.prod(sizes(tensor)) if tensor.shape.rank else 0


def _macs(operation: tf.Operation, loop_macs: int) -> int:
    """Multiply-accumulates of one sample."""
    if operation.type in _LOOPS:
        return loop_macs
    if operation.type not in _CONVOLUTIONS | _PRODUCTS:
        return 0
    if operation.type == "Einsum":
        return _einsum_macs(operation)
    outputs = _values(operation.outputs[0])
    left, kernel = (sizes(tensor) for tensor in list(operation.inputs)[:2])
    if operation.type == "DepthwiseConv2dNative":
        return outputs * math.prod(kernel[:2])
    if operation.type in _CONVOLUTIONS:
        return outputs * math.prod(kernel[:-1])
    return outputs * left[-1]


def _einsum_macs(operation: tf.Operation) -> int:
    """The product of the lengths of all indices; those under an ellipsis count as 1."""
    given, _, _ = operation.get_attr("equation").decode().partition("->")
    lengths: dict[str, int] = {}
    for indices, tensor in zip(given.split(","), operation.inputs, strict=True):
        first, _, last = indices.partition("...")
        axes = sizes(tensor)
        lengths |= zip(first, axes, strict=False)
        lengths |= zip(reversed(last), reversed(axes), strict=False)
    return math.prod(lengths.values())
