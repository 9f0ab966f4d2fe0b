"""A model as it is, compiled, on as many samples at once as memory allows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from workbench.engine import batching
from workbench.engine.graph import flatten
from workbench.engine.layers import pack, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


class Cost:
    """What one sample costs in a traced graph.

    Args:
        traced: A concrete function whose first inputs are the samples.
        x: Samples, one array an input.
        model: The model in it.

    Attributes:
        rows: Samples to run at once.
        work: Multiply-accumulates of one sample.
        operations: What depends on the samples.
    """

    def __init__(self, traced: Any, x: Sequence[Any], model: keras.Model) -> None:
        """Read the graph."""
        steps = max([*array.shape, 1, 1][1] for array in x)
        weights = sum(math.prod(weight.shape) for weight in model.weights)
        self.operations = batching.dependent(
            traced.graph.get_operations(), traced.inputs[: len(x)]
        )
        loop_macs = weights * steps
        self.rows = batching.batch_rows(self.operations, loop_macs=loop_macs)
        self.work = batching.work(self.operations, loop_macs=loop_macs)


class Forward:
    """A forward pass, compiled once for a type of samples.

    Args:
        model: A built model that can be run on the samples.
        x: Some samples, one array an input: their shape and type.

    Attributes:
        cost: What a sample costs.
    """

    def __init__(self, model: keras.Model, x: Sequence[NDArray[Any]]) -> None:
        """Trace it."""

        def run(*arrays: tf.Tensor) -> list[tf.Tensor]:
            return keras.tree.flatten(model(pack(model, arrays), training=False))

        self._run = traced(run, x)
        self.cost = Cost(self._run, x, model)

    def __call__(self, x: Sequence[NDArray[Any]]) -> NDArray[Any] | list[NDArray[Any]]:
        """The output, a list where there are several.

        Args:
            x: Samples, one array an input.
        """
        total, rows = len(x[0]), self.cost.rows
        batches = [
            self._run(*(tf.convert_to_tensor(array[i : i + rows]) for array in x))
            for i in range(0, total, rows)
        ]
        made = [
            np.concatenate([values_of(part) for part in parts])
            for parts in zip(*batches, strict=True)
        ]
        return made[0] if len(made) == 1 else made


def traced(run: Callable[..., Any], x: Sequence[Any]) -> Any:
    """A concrete function of any number of samples.

    Args:
        run: Takes a tensor for each input.
        x: Some samples, one array or tensor an input.
    """
    signature = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in x]
    function = tf.function(run, input_signature=signature, autograph=False)
    return function.get_concrete_function()


def held_rows(model: keras.Model, x: Sequence[NDArray[Any]]) -> int:
    """Samples that Keras can be called on at once.

    Args:
        model: A built model.
        x: Samples, one array an input.
    """
    graph = flatten(model)
    if graph is not None:
        made = [spec for call in graph.calls for spec in call.specs]
        return batching.held_rows(sum(map(_sample_bytes, made)))
    try:
        operations = Forward(model, x).cost.operations
    except Exception:  # noqa: BLE001  # the user's layers; whoever asks will call them
        return 1
    return batching.held_rows(sum(map(batching.result_bytes, operations)))


def _sample_bytes(spec: keras.KerasTensor) -> int:
    """Memory of one sample; what is unknown counts as 1."""
    lengths = [size or 1 for size in spec.shape[1:]]
    return math.prod(lengths) * np.dtype(spec.dtype).itemsize
