"""The ``.wbz`` file: a model's architecture and its values, as short as they get.

Four bytes that name the format, a checksum of all that follows, the length of the
head, the head, and the stream of `workbench.core.bitstream` to the end. The head is
deflated JSON: the model's configuration as Keras writes it, and the grids of its
activations. Values come in the order of `workbench.engine.layers.variables`, shapes
follow from the configuration, so neither names nor shapes are stored twice.

Whoever reads one trusts nobody: the checksum only tells damage. No code is run or
imported that the configuration names, beside Keras' own and what the reader gives, and
no memory is taken before it is known that the stream tells of as many values.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from workbench.core.affine import Grid
from workbench.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

Json = dict[str, Any]

MAGIC = b"WBZ1"
_HEAD = struct.Struct("<II")
_LONGEST_HEAD = 1 << 24
_DAMAGE = (ValueError, KeyError, TypeError, RecursionError, struct.error, zlib.error)
# Said to both sides of the deflater beforehand: what most configurations are made of.
_USUAL = (
    b'"synchronize": false, "axis": -1, "momentum": 0.99, "epsilon": 0.001, "center": '
    b'true, "scale": true, "beta_initializer": {"gamma_initializer": '
    b'"moving_mean_initializer": {"moving_variance_initializer": {"class_name": "Ones"'
    b'"beta_regularizer": null, "gamma_regularizer": null, "beta_constraint": null, '
    b'"gamma_constraint": null"class_name": "BatchNormalization""class_name": "Add"'
    b'"class_name": "LSTM""class_name": "GRU""class_name": "Embedding""units": '
    b'"return_sequences": false, "return_state": false, "go_backwards": false, '
    b'"stateful": false, "unroll": false, "zero_output_for_mask": false, '
    b'"recurrent_activation": "sigmoid", "recurrent_initializer": {"module": '
    b'"keras.initializers", "class_name": "OrthogonalInitializer", "config": {"seed": '
    b'null, "gain": 1.0}, "registered_name": null}, "unit_forget_bias": true, '
    b'"recurrent_regularizer": null, "recurrent_constraint": null, "dropout": 0.0, '
    b'"recurrent_dropout": 0.0, "seed": null, "input_dim": "output_dim": '
    b'"class_name": "GlobalAveragePooling2D""class_name": "DepthwiseConv2D"'
    b'"depth_multiplier": 1, "depthwise_initializer": "class_name": "MaxPooling2D"'
    b'"pool_size": [2, 2], "padding": "valid", "strides": [2, 2], "data_format": '
    b'"channels_last", "keepdims": false"class_name": "ReLU""max_value": null, '
    b'"negative_slope": 0.0, "threshold": 0.0"class_name": "Dropout", "config": '
    b'"rate": 0.5, "noise_shape": null"class_name": "Flatten"'
    b'"class_name": "Activation""activation": "softmax""activation": "relu"'
    b'{"module": "keras.layers", "class_name": "Conv2D", "config": {"name": "conv2d_1"'
    b', "trainable": true, "dtype": {"module": "keras", "class_name": "DTypePolicy", '
    b'"config": {"name": "float32"}, "registered_name": null}, "filters": 64, '
    b'"kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "data_format": '
    b'"channels_last", "dilation_rate": [1, 1], "groups": 1, "activation": "linear", '
    b'"use_bias": true, "kernel_initializer": {"module": "keras.initializers", '
    b'"class_name": "GlorotUniform", "config": {"seed": null}, "registered_name": '
    b'null}, "bias_initializer": {"module": "keras.initializers", "class_name": '
    b'"Zeros", "config": {}, "registered_name": null}, "kernel_regularizer": null, '
    b'"bias_regularizer": null, "activity_regularizer": null, "kernel_constraint": '
    b'null, "bias_constraint": null}, "registered_name": null, "build_config": '
    b'{"input_shape": [null, 28, 28, 1]}, "name": "conv2d", "inbound_nodes": [{"args": '
    b'[{"class_name": "__keras_tensor__", "config": {"shape": [null, 128], "dtype": '
    b'"float32", "keras_history": ["dense", 0, 0]}}], "kwargs": {"training": false, '
    b'"mask": null}}]}, {"module": "keras.layers", "class_name": "Dense", "config": '
    b'{"model": {"module": "keras", "class_name": "Sequential", "config": {"name": '
    b'"sequential", "layers": [{"module": "keras.src.models.functional", "class_name": '
    b'"Functional", "config": {"module": "keras.layers", "class_name": "InputLayer", '
    b'"config": {"batch_shape": [null, 28, 28], "dtype": "float32", "sparse": false, '
    b'"ragged": false, "name": "input_layer"}, "registered_name": null'
    b'"input_layers": ["output_layers": ["activations": []}'
)


def packed(config: Json, activations: Mapping[str, Grid], stream: bytes) -> bytes:
    """The bytes of a file.

    Args:
        config: A model as Keras serializes it.
        activations: Grid of each place whose activations are quantized.
        stream: The values.
    """
    grids = [
        [path, grid.bits, float(grid.scale.item()), int(grid.zero_point.item())]
        for path, grid in activations.items()
    ]
    text = json.dumps({"model": config, "activations": grids})
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zdict=_USUAL)
    head = deflater.compress(text.encode()) + deflater.flush()
    body = struct.pack("<I", len(head)) + head + stream
    return MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def opened(content: bytes) -> tuple[Json, dict[str, Grid], bytes]:
    """The configuration, the grids of activations, and the stream of a file.

    Raises:
        UserError: If it is no such file, or a damaged one.
    """
    if content[: len(MAGIC)] != MAGIC:
        raise UserError("size.not_a_file")
    try:
        checksum, length = _HEAD.unpack_from(content, len(MAGIC))
        body = content[len(MAGIC) + 4 :]
        if zlib.crc32(body) != checksum or length > len(body) - 4:
            raise UserError("size.damaged")
        head = _inflated(body[4 : 4 + length])
        grids = {path: _grid(*rest) for path, *rest in head["activations"]}
        if not isinstance(head["model"], dict):
            raise UserError("size.damaged")
        return cast("Json", head["model"]), grids, body[4 + length :]
    except UserError:
        raise
    except _DAMAGE as error:
        raise UserError("size.damaged") from error


def check_config(config: object, known: Container[str]) -> None:
    """Refuse a configuration that carries code, or asks for some that nobody gave.

    Args:
        config: As Keras serializes it.
        known: Names of the classes and functions that the reader gives.

    Raises:
        UserError: If it does.
    """
    for entry in entries(config):
        name = str(entry.get("class_name", "")).rpartition(">")[2]
        if name in {"Lambda", "__lambda__", "TFSMLayer"}:
            raise UserError("size.code")
        module = entry.get("module")
        is_own = module is None or str(module).split(".")[0] in {"keras", "builtins"}
        if "class_name" in entry and not is_own and name not in known:
            raise UserError("size.unknown", name=name)


def entries(config: object) -> Iterator[Json]:
    """Every object with named fields in a configuration."""
    waiting = [config]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, dict):
            yield cast("Json", entry)
            waiting.extend(entry.values())
        elif isinstance(entry, list):
            waiting.extend(entry)


def _inflated(head: bytes) -> Json:
    inflater = zlib.decompressobj(-15, zdict=_USUAL)
    text = inflater.decompress(head, _LONGEST_HEAD)
    if not inflater.eof or inflater.unused_data:
        raise UserError("size.damaged")
    return json.loads(text)


def _grid(bits: int, scale: float, zero_point: int) -> Grid:
    return Grid(
        np.array([scale], np.float32),
        np.array([zero_point], np.int32),
        int(bits),
        is_symmetric=False,
    )
