"""Keras' own ``quantize``: dense kernels only, the rest stays float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.measuring import BATCHES, Answer, Setting, accuracy_of, fastest

if TYPE_CHECKING:
    from benchmarks.peers.inputs import Inputs


def settings(inputs: Inputs) -> list[Setting]:
    """int8 and int4, on a fresh copy each time, as it changes the model in place."""
    return [_setting(inputs, mode) for mode in ("int8", "int4")]


def _setting(inputs: Inputs, mode: str) -> Setting:
    import keras

    original: Any = keras.saving.load_model(inputs.keras_file, compile=False)
    weights = original.get_weights()

    def quantized() -> Any:
        model = keras.models.clone_model(original)
        model.set_weights(weights)
        model.quantize(mode)
        return model

    def answer(model: Any, way: tuple[bool, int], content: bytes = b"") -> Answer:
        is_traced, batch = way
        score = predicted if is_traced else called
        answers = score(model, inputs.images, batch)
        return Answer(accuracy_of(answers, inputs.labels), content)

    ways = [(is_traced, batch) for is_traced in (True, False) for batch in BATCHES]
    best = fastest(inputs, lambda way: answer(quantized(), way), ways)

    def file() -> Answer:
        path = inputs.scratch / f"{inputs.name} {mode}.keras"
        quantized().save(path)
        again = keras.saving.load_model(path, compile=False)
        return answer(again, best, path.read_bytes())

    return Setting(
        mode, lambda: answer(quantized(), best), file, note="dense kernels only"
    )


def predicted(model: Any, images: Any, batch: int) -> Any:
    """Outputs by a traced function, which a new model has to trace first."""
    return model.predict(images, batch_size=batch, verbose=0)


def called(model: Any, images: Any, batch: int) -> Any:
    """Outputs without tracing."""
    parts = range(0, len(images), batch)
    return np.concatenate(
        [np.asarray(model(images[at : at + batch], training=False)) for at in parts]
    )
