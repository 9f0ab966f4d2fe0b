"""How many samples to run at once: enough to be fast, few enough to be cancelled.

Large results are slow to allocate (each is a fresh piece of memory from the system), so
a batch is bounded by its largest one; and by its arithmetic, so that it takes about
20 ms on two cores. Both are read off the graph, not off a clock: the same model is
always run in the same batches.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import tensorflow as tf

LARGEST_BYTES = 24 * 2**20
ALL_BYTES = 256 * 2**20
MACS = 1_500_000_000
MOST_ROWS = 4096
_STEP = 64
_LOOPS = frozenset({"While", "StatelessWhile"})
_CONVOLUTIONS = frozenset({"Conv2D", "Conv3D", "DepthwiseConv2dNative"})
_PRODUCTS = frozenset({"MatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum"})


def batch_rows(operations: Iterable[tf.Operation], *, loop_macs: int) -> int:
    """Samples a batch for some operations of a graph.

    Args:
        operations: The ones that depend on the samples.
        loop_macs: Multiply-accumulates to assume for a sample in a loop, whose inside
            is not looked at.

    Returns:
        1 to `MOST_ROWS`; a multiple of 64 from 64 on.
    """
    largest, everything, macs = 1, 1, 1
    for operation in operations:
        nbytes = sum(_values(t) * t.dtype.size for t in operation.outputs)
        largest = max(largest, nbytes)
        everything += nbytes
        macs += _macs(operation, loop_macs)
    rows = min(LARGEST_BYTES // largest, ALL_BYTES // everything, MACS // macs)
    rows = max(1, min(rows, MOST_ROWS))
    return rows // _STEP * _STEP or rows


def _values(tensor: tf.Tensor) -> int:
    """Values of one sample."""
    return math.prod(sizes(tensor)) if tensor.shape.rank else 0


def sizes(tensor: tf.Tensor) -> list[int]:
    """The lengths of the axes; what is unknown counts as 1."""
    if tensor.shape.rank is None:
        return [1]
    return [size or 1 for size in tensor.shape.as_list()]


def _macs(operation: tf.Operation, loop_macs: int) -> int:
    """Multiply-accumulates of one sample."""
    if operation.type in _LOOPS:
        return loop_macs
    if operation.type not in _CONVOLUTIONS | _PRODUCTS:
        return 0
    outputs = _values(operation.outputs[0])
    left, kernel = (sizes(tensor) for tensor in list(operation.inputs)[:2])
    if operation.type == "DepthwiseConv2dNative":
        return outputs * math.prod(kernel[:2])
    if operation.type in _CONVOLUTIONS:
        return outputs * math.prod(kernel[:-1])
    return outputs * left[-1]
