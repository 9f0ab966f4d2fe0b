"""LiteRT's converter from Keras, with its own optimizations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.litert import Runner, converter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from benchmarks.peers.inputs import Inputs
    from benchmarks.peers.measuring import Setting

# It calibrates anew for every change, one image after the other.
IMAGES = 100


def settings(inputs: Inputs) -> list[Setting]:
    """Dynamic range and full int8."""
    import tensorflow as tf

    def images() -> Iterator[list[NDArray]]:
        for at in range(IMAGES):
            yield [inputs.calibration[at : at + 1]]

    def converted(*, is_static: bool) -> bytes:
        made = converter(inputs)
        made.optimizations = [tf.lite.Optimize.DEFAULT]
        if is_static:
            made.representative_dataset = images
            made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return bytes(made.convert())

    runner = Runner(inputs)
    return [
        runner.setting("dynamic int8", lambda: converted(is_static=False)),
        runner.setting("static int8", lambda: converted(is_static=True)),
    ]
