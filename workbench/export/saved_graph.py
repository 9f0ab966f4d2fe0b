"""A model as a SavedModel that the converter reads: values fixed, grids marked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import keras
    from numpy.typing import NDArray

    from workbench.core.affine import Grid
    from workbench.engine.outputs import Place

# Name of the operation that marks the grid of a place, followed by its number: the one
# name that is looked for in the file again.
MARK = "workbench_place_"


def save_graph(  # noqa: PLR0913  # what a graph is made of, by name
    model: keras.Model,
    places: Sequence[Place],
    grids: Mapping[str, Grid],
    examples: Sequence[NDArray[Any]],
    folder: Path,
    *,
    batch: int | None,
) -> tuple[str, ...]:
    """Write a model as a SavedModel.

    Args:
        model: A model of our own, in float32; its layers' calls are wrapped.
        places: Where activations can be quantized.
        grids: 8-bit grids by place; each becomes a fake-quantization operation, from
            which the converter makes a pair QUANTIZE, DEQUANTIZE.
        examples: One array per input, samples first, for shapes and types.
        folder: Where to.
        batch: Samples of a call; None for any number.

    Returns:
        The name of each input in the file, in the model's order.

    Raises:
        UserError: If the model looks words or numbers up in a table.
    """
    import keras
    import tensorflow as tf

    from workbench.engine.fake_quantization import wrap
    from workbench.engine.layers import pack

    marked = [place for place in places if place.site.path in grids]
    changes = {
        place.site.path: _marker(grids[place.site.path], f"{MARK}{number}")
        for number, place in enumerate(places)
        if place.site.path in grids
    }
    at_inputs = wrap(model, marked, changes)
    names = _names(model, len(examples))
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    values = [variable.numpy() for variable in variables]

    def call(*arrays: tf.Tensor) -> dict[str, tf.Tensor]:
        entering = [
            at_inputs[i](array) if i in at_inputs else array
            for i, array in enumerate(arrays)
        ]
        # Constants, since the converter would keep variables as variables.
        constants = [
            (variable, tf.constant(value))
            for variable, value in zip(variables, values, strict=True)
        ]
        with keras.StatelessScope(state_mapping=constants):
            outputs = model(pack(model, entering), training=False)
        flat = tf.nest.flatten(outputs)
        return {f"output_{i}": tf.identity(value) for i, value in enumerate(flat)}

    signature = [
        tf.TensorSpec((batch, *example.shape[1:]), _type(model, i, example), name)
        for i, (name, example) in enumerate(zip(names, examples, strict=True))
    ]
    function = tf.function(call, input_signature=signature, autograph=False)
    graph = function.get_concrete_function()
    _refuse_tables(graph)
    signatures = {"serving_default": graph}
    tf.saved_model.save(tf.Module(), str(folder), signatures=signatures)
    return names


def _refuse_tables(graph: Any) -> None:
    """Refuse tables such as a StringLookup's, of which LiteRT has no form."""
    kinds = {operation.type for operation in graph.graph.get_operations()}
    tables = sorted(kind for kind in kinds if kind.startswith("LookupTable"))
    if tables:
        raise UserError("export.unsupported", operations=", ".join(tables))


def has_loop(model: keras.Model) -> bool:
    """Whether a model runs over time steps, which needs a fixed number of samples."""
    import keras

    from workbench.engine.layers import layers

    loops = (keras.layers.RNN,)
    return any(isinstance(layer, loops) for layer in layers(model).values())


def _marker(grid: Grid, name: str) -> Any:
    import tensorflow as tf

    scale = np.float64(np.reshape(grid.scale, ()))
    zero_point = int(np.reshape(grid.zero_point, ()))
    smallest, largest = grid.limits
    low = float(np.float32((smallest - zero_point) * scale))
    high = float(np.float32((largest - zero_point) * scale))

    def mark(x: tf.Tensor) -> tf.Tensor:
        return tf.quantization.fake_quant_with_min_max_vars(x, low, high, 8, name=name)

    return mark


def _names(model: keras.Model, inputs: int) -> tuple[str, ...]:
    """Names of the model's inputs as the converter allows them, each once."""
    own = [tensor.name for tensor in getattr(model, "inputs", None) or ()]
    if len(own) != inputs:
        own = [f"input_{i}" for i in range(inputs)]
    plain = [re.sub(r"\W", "_", name) for name in own]
    unique = len(set(plain)) == len(plain)
    return tuple(plain if unique else [f"input_{i}" for i in range(inputs)])


def _type(model: keras.Model, index: int, example: NDArray[Any]) -> Any:
    import tensorflow as tf

    declared = getattr(model, "inputs", None)
    if declared:
        kind = tf.as_dtype(declared[index].dtype)
        return tf.float32 if kind.is_floating else kind
    is_count = np.issubdtype(example.dtype, np.integer) and example.dtype != np.uint8
    return tf.int32 if is_count else tf.float32
