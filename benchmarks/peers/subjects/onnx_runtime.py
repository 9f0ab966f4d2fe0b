"""ONNX Runtime's static quantization, on the model that Keras exports.

Its calibration is done once and read from its cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.measuring import (
    BATCHES,
    THREADS,
    Answer,
    Setting,
    accuracy_of,
    fastest,
)

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.peers.inputs import Inputs


def settings(inputs: Inputs) -> list[Setting]:
    """Weights and activations of 8 bits, weights with a scale a channel."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    source = _prepared(inputs)
    cache, target = (
        inputs.scratch / f"{inputs.name}-{name}" for name in ("ranges.json", "q.onnx")
    )

    def quantized() -> bytes:
        quantize_static(
            source,
            target,
            _Reader(inputs, source),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibration_cache_path=cache,
        )
        return target.read_bytes()

    first = quantized()
    batch = fastest(inputs, lambda size: _score(inputs, first, size), BATCHES)

    def change() -> Answer:
        content = quantized()
        return Answer(_score(inputs, content, batch), content)

    return [Setting("static int8", change)]


def _prepared(inputs: Inputs) -> Path:
    """The float model as ONNX, shapes inferred and batch norms folded."""
    import keras
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model: Any = keras.saving.load_model(inputs.keras_file, compile=False)
    model(inputs.images[:1])
    raw, ready = (inputs.scratch / f"{inputs.name}-{n}.onnx" for n in ("raw", "ready"))
    model.export(raw, format="onnx", verbose=False)
    quant_pre_process(raw, ready, skip_symbolic_shape=True)
    return ready


class _Reader:
    """Gives the calibration images in batches."""

    def __init__(self, inputs: Inputs, source: Path) -> None:
        name = _session(source.read_bytes()).get_inputs()[0].name
        images = inputs.calibration
        self._batches = ({name: images[at : at + 100]} for at in range(0, 500, 100))

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, or None."""
        return next(self._batches, None)


def _session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(content, options)


def _score(inputs: Inputs, content: bytes, batch: int) -> float:
    session = _session(content)
    name = session.get_inputs()[0].name
    parts = range(0, len(inputs.images), batch)
    answers = [
        session.run(None, {name: inputs.images[at : at + batch]})[0] for at in parts
    ]
    return accuracy_of(np.concatenate(answers), inputs.labels)
