"""Sony's Model Compression Toolkit, after training, in Keras 2.15.

But for full int8 it writes float files that hold quantized values, so that their
size after compression is the one to look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.peers.measuring import Answer, Setting, accuracy_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers.inputs import Inputs

BATCH = 500
CALIBRATION_BATCH = 50
# Of the weights' bytes at 8 bits.
SHARE = 0.5


def settings(inputs: Inputs) -> list[Setting]:
    """8 bits, and mixed precision at half their bytes."""
    import model_compression_toolkit as mct
    import tensorflow as tf

    original = inputs.keras_2(tf.keras)
    kernels = sum(w.size for w in inputs.weights if w.ndim > 1)

    def images() -> Iterator[list[Any]]:
        samples = inputs.calibration
        for at in range(0, len(samples), CALIBRATION_BATCH):
            yield [samples[at : at + CALIBRATION_BATCH]]

    def quantized(target: Any = None) -> Any:
        config = mct.core.CoreConfig()
        if target is not None:
            config = mct.core.CoreConfig(
                mixed_precision_config=mct.core.MixedPrecisionQuantizationConfig()
            )
        model, _ = mct.ptq.keras_post_training_quantization(
            original, images, target_resource_utilization=target, core_config=config
        )
        return model

    def score(model: Any, content: bytes = b"") -> Answer:
        answers = model.predict(inputs.images, batch_size=BATCH, verbose=0)
        return Answer(accuracy_of(answers, inputs.labels), content)

    def file(model: Any, name: str) -> Answer:
        path = inputs.scratch / f"{inputs.name}-{name}.keras"
        mct.exporter.keras_export_model(
            model=model,
            save_model_path=str(path),
            serialization_format=mct.exporter.KerasExportSerializationFormat.KERAS,
            quantization_format=mct.exporter.QuantizationFormat.FAKELY_QUANT,
        )
        return score(tf.keras.models.load_model(path, compile=False), path.read_bytes())

    def setting(name: str, target: Any = None) -> Setting:
        return Setting(
            name,
            lambda: score(quantized(target)),
            lambda: file(quantized(target), name),
            note="float file",
        )

    half = mct.core.ResourceUtilization(weights_memory=SHARE * kernels)
    return [setting("PTQ int8"), setting("PTQ mixed, half of int8", half)]
