"""LiteRT, for the subjects whose files it runs."""

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
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.peers.inputs import Inputs


def float_file(inputs: Inputs) -> bytes:
    """The float model as LiteRT's converter writes it."""
    return bytes(converter(inputs).convert())


def converter(inputs: Inputs) -> Any:
    """LiteRT's converter on the float model."""
    import keras
    import tensorflow as tf

    model = keras.saving.load_model(inputs.keras_file, compile=False)
    return tf.lite.TFLiteConverter.from_keras_model(model)


class Runner:
    """Scores files of one model, each kind at its best batch size.

    Args:
        inputs: The model and its data.
    """

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._images: dict[tuple[str, float, int], Any] = {}

    def setting(
        self, name: str, make: Callable[[], bytes], *, is_timed: bool = True
    ) -> Setting:
        """A setting: make the file, run it on all test images.

        Args:
            name: Of the setting.
            make: What makes the file.
            is_timed: As for `Setting`.
        """
        batch = BATCHES[0]
        if is_timed and self._inputs.is_timed:
            first = make()
            batch = fastest(self._inputs, lambda size: self.score(first, size), BATCHES)

        def change() -> Answer:
            content = make()
            return Answer(self.score(content, batch), content)

        return Setting(name, change, is_timed=is_timed)

    def score(self, content: bytes, batch: int) -> float:
        """Accuracy of a file on all test images, run in batches of one size."""
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=content, num_threads=THREADS)
        details = interpreter.get_input_details()[0]
        source = details["index"]
        sink = interpreter.get_output_details()[0]["index"]
        images = self._as_taken(details)
        interpreter.resize_tensor_input(source, (batch, *images.shape[1:]))
        interpreter.allocate_tensors()
        answers = []
        for start in range(0, len(images), batch):
            interpreter.set_tensor(source, images[start : start + batch])
            interpreter.invoke()
            answers.append(interpreter.get_tensor(sink))
        return accuracy_of(np.concatenate(answers), self._inputs.labels)

    def _as_taken(self, details: dict[str, Any]) -> NDArray[Any]:
        """The test images in the file's own type, made once for each."""
        kind = np.dtype(details["dtype"])
        scale, zero = details["quantization"]
        key = (kind.name, float(scale), int(zero))
        if key not in self._images:
            images = self._inputs.images
            if kind.kind != "f" and scale:
                ends = np.iinfo(kind)
                images = np.rint(images / scale) + zero
                images = images.clip(ends.min, ends.max)
            self._images[key] = images.astype(kind)
        return self._images[key]
