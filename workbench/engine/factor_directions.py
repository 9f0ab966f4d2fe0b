"""The smaller layers for a bidirectional one whose input kernels are products.

Each way gets a dense layer of its own before it, so that both are laid out: a model of
plain Keras with the two recurrent layers, the way back turned around where it gives a
sequence, and what merges them. They keep their names, and with them all variables but
the kernels their addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from workbench.engine.factor_layers import OF_KERNEL, Chain, entering

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workbench.core.codes import LowRank

_L = keras.layers
_MERGED = {"sum": _L.Add, "ave": _L.Average, "mul": _L.Multiply}


def directions_of(
    layer: keras.layers.Bidirectional, codes: Mapping[str, LowRank], *, is_masked: bool
) -> Chain | None:
    """What takes the place of a bidirectional layer.

    Args:
        layer: The layer.
        codes: Factors of the kernel of one way or of both, by the way's name.
        is_masked: Whether steps of sequences may be masked.

    Returns:
        None where there are no smaller layers that compute the same: with states
        beside the outputs, and where a mask would have to pass a model, which Keras
        warns of.
    """
    ways: list[Any] = [layer.forward_layer, layer.backward_layer]
    is_usual = all(isinstance(way, (_L.LSTM, _L.GRU, _L.SimpleRNN)) for way in ways)
    if not is_usual or layer.return_state or layer.stateful or is_masked:
        return None
    policy = layer.dtype_policy
    x = keras.Input((None, ways[0].cell.kernel.shape[0]), dtype=policy.compute_dtype)
    values: dict[str, NDArray[np.float32]] = {}
    outputs: list[Any] = []
    for way in ways:
        entered, config = x, way.get_config()
        if way.name in codes:
            first, second = (np.asarray(f.dense) for f in codes[way.name].factors)
            before = entering(way, first.shape[1])
            entered = before(x)
            values |= {f"{before.name}/kernel": first, f"{way.name}/kernel": second}
            config |= dict.fromkeys(OF_KERNEL)
        outputs.append(type(way).from_config(config)(entered))
    if layer.return_sequences:
        outputs = [
            keras.ops.flip(output, axis=1) if way.go_backwards else output
            for output, way in zip(outputs, ways, strict=True)
        ]
    merged = _merged(layer, outputs)
    model = keras.Model(x, merged, name=layer.name, trainable=layer.trainable)
    return Chain(model, values, {})


def _merged(layer: Any, outputs: list[Any]) -> Any:
    """Both ways as the layer merges them."""
    if layer.merge_mode is None:
        return outputs
    name = f"{layer.name}_merged"
    if layer.merge_mode == "concat":
        return _L.Concatenate(axis=-1, dtype=layer.dtype_policy, name=name)(outputs)
    return _MERGED[layer.merge_mode](dtype=layer.dtype_policy, name=name)(outputs)
