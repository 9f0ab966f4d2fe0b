"""Open ``.h5`` files of Keras 2 that Keras 3 refuses over arguments it no longer has.

Keras 2 wrote arguments that have no meaning in their layer (``groups`` of a depthwise
convolution) or a single value (``time_major``). Without them the layers are the same
and give the same numbers. What really means something else is refused.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import h5py
import keras

from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN")
_RECURRENT += ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_GROUPED = ("DepthwiseConv1D", "DepthwiseConv2D")
_GROUPED += ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")

_RANDOM = ("RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom")
_RANDOM += ("RandomBrightness", "RandomContrast", "RandomCrop")

_MEANINGLESS = {
    **dict.fromkeys(_RECURRENT, ("time_major",)),
    **dict.fromkeys(_GROUPED, ("groups",)),
    **dict.fromkeys(
        ("SeparableConv1D", "SeparableConv2D"),
        ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    ),
    **dict.fromkeys(
        ("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
        ("trainable", "noise_shape"),
    ),
    "MultiHeadAttention": (
        *("query_shape", "key_shape", "value_shape"),
        "softmax_robust_masking",
    ),
    **dict.fromkeys(_RANDOM, ("rng_type", "force_generator")),
}
_ACTIVATIONS = ("activation", "recurrent_activation")
_LINK = 2
_NAMED = 3
_ENDS = ("input_layers", "output_layers")
_MARKS = ("module", "registered_name", "build_config")
_POLICIES = ("Policy", "PolicyV1")
_MODELS = ("Functional", "Model", "Sequential")
_GONE = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")
_GONE += ("LocallyConnected1D", "LocallyConnected2D")


def is_keras2(file: Path) -> bool:
    """Whether a readable ``.h5`` file was saved by Keras 2 or before."""
    with h5py.File(file, "r") as stored:
        version: Any = stored.attrs.get("keras_version", "1")
    return str(version).startswith(("1", "2"))


def open_keras2(
    file: Path, config: Mapping[str, Any], known: Mapping[str, Any]
) -> keras.Model:
    """The model of a Keras 2 file, compiled with its loss where Keras has it.

    Args:
        file: The ``.h5`` file.
        config: Its configuration, translated.
        known: Custom objects by name.
    """
    is_chain = config["class_name"] == "Sequential"
    form = keras.Sequential if is_chain else keras.Model
    model = form.from_config(config["config"], dict(known))
    model.load_weights(file)
    loss = _loss(file)
    if loss is not None:
        model.compile(loss=loss)
    return model


def _loss(file: Path) -> Any:
    """The loss that the file names; None where it names none, or one of the user's."""
    with h5py.File(file, "r") as stored:
        training: Any = stored.attrs.get("training_config")
    named = None if training is None else json.loads(training).get("loss")
    try:
        return None if named is None else keras.losses.get(named)
    except (TypeError, ValueError):
        return None


def translated(config: Any, file: Path) -> Any:
    """A Keras 2 configuration without the arguments that Keras 3 refuses.

    Raises:
        UserError: If it uses what Keras 3 does not have or means otherwise.
    """
    if isinstance(config, list):
        return [translated(entry, file) for entry in config]
    if not isinstance(config, dict):
        return config
    entry = {key: translated(value, file) for key, value in config.items()}
    _refuse(entry, file)
    inner = entry.get("config")
    if isinstance(inner, dict):
        entry["config"] = _translated_layer(str(entry.get("class_name")), inner)
        if entry.get("class_name") == "ThresholdedReLU":
            entry["class_name"] = "ReLU"
    return entry


def _translated_layer(name: str, inner: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in inner.items() if k not in _MEANINGLESS.get(name, ())}
    policy = kept.get("dtype")
    if isinstance(policy, dict) and policy.get("class_name") in _POLICIES:
        kept["dtype"] = policy["config"]["name"]
    if name == "ThresholdedReLU":
        kept["threshold"] = kept.pop("theta")
    if isinstance(kept.get("layers"), list):
        kept["layers"] = [_unmarked(layer) for layer in kept["layers"]]
    return _called(_renumbered(kept)) if set(_ENDS) <= set(kept) else kept


def _refuse(entry: dict[str, Any], file: Path) -> None:
    name, inner = entry.get("class_name"), entry.get("config")
    if name in _GONE:
        raise UserError("open.keras2_gone", path=file, name=name)
    if not isinstance(inner, dict):
        return
    # Keras 3 gave this activation another slope.
    if "hard_sigmoid" in (inner.get(key) for key in _ACTIVATIONS):
        raise UserError("open.keras2_changed", path=file, name="hard_sigmoid")
    if inner.get("time_major"):
        raise UserError("open.keras2_changed", path=file, name="time_major")


def _unmarked(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer of a model in the old form.

    Files of the last versions mix it with the new one, which Keras 3 reads by other
    rules.
    """
    if layer.get("registered_name") is not None:
        return layer
    return {key: value for key, value in layer.items() if key not in _MARKS}


def _renumbered(graph: dict[str, Any]) -> dict[str, Any]:
    """A functional model with the calls of the models in it counted from 0.

    In Keras 2 a nested model had one call of its own before any other. Keras 3 allows
    for that only where a functional one makes the outer model's outputs.
    """
    kinds = {layer["name"]: layer["class_name"] for layer in graph["layers"]}
    nested = {name for name, kind in kinds.items() if kind in _MODELS}
    links = [layer["inbound_nodes"] for layer in graph["layers"]]
    used = list(_links([links, graph["output_layers"]], nested))
    late = {name for name in nested if min(n for k, n in used if k == name) > 0}
    chains = {name for name in late if kinds[name] == "Sequential"}
    layers = [
        layer | {"inbound_nodes": _shifted(layer["inbound_nodes"], late)}
        for layer in graph["layers"]
    ]
    # A single input or output is no list of one.
    ends = {
        key: value[0] if len(value) == 1 else value
        for key, value in ((key, _shifted(graph[key], chains)) for key in _ENDS)
    }
    return graph | {"layers": layers} | ends


def _called(graph: dict[str, Any]) -> dict[str, Any]:
    """A functional model whose calls with tensors by name are in the form of Keras 3.

    In the old one, it takes an attention's ``value`` for a list of three constants.
    """
    names = {layer["name"] for layer in graph["layers"]}

    def called(node: Any) -> Any:
        # Files of the last versions may hold the new form.
        is_old = isinstance(node, list) and node and len(node[0]) > _NAMED
        named = node[0][_NAMED] if is_old else {}
        if next(_links(named, names), None) is None:
            return node
        first = [_tensors(link, names) for link in node]
        args = first if len(first) == 1 else [first]
        return {"args": args, "kwargs": _tensors(named, names)}

    layers = [
        layer | {"inbound_nodes": [called(node) for node in layer["inbound_nodes"]]}
        for layer in graph["layers"]
    ]
    return graph | {"layers": layers}


def _tensors(value: Any, names: set[str]) -> Any:
    """A value with every mention of a layer's call as Keras 3 writes a tensor."""
    if _is_link(value, names):
        # Only where it comes from counts.
        about = {"shape": [None], "dtype": "float32", "keras_history": value[:_NAMED]}
        return {"class_name": "__keras_tensor__", "config": about}
    if isinstance(value, list):
        return [_tensors(entry, names) for entry in value]
    if isinstance(value, dict):
        return {key: _tensors(entry, names) for key, entry in value.items()}
    return value


def _is_link(value: Any, names: set[str]) -> bool:
    is_long = isinstance(value, list) and len(value) > _LINK
    return is_long and isinstance(value[0], str) and value[0] in names


def _links(value: Any, names: set[str]) -> Iterator[tuple[str, int]]:
    """Name and call of every mention of some layers."""
    if _is_link(value, names):
        yield value[0], value[1]
    elif isinstance(value, list | dict):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _links(entry, names)


def _shifted(value: Any, names: set[str]) -> Any:
    if _is_link(value, names):
        return [value[0], value[1] - 1, *value[2:]]
    if isinstance(value, list):
        return [_shifted(entry, names) for entry in value]
    if isinstance(value, dict):
        return {key: _shifted(entry, names) for key, entry in value.items()}
    return value
