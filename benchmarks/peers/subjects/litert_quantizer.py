"""litert-quantizer, the successor of ai-edge-quantizer, on a float ``.tflite``.

Its calibration is done once: a change of a setting does not need it again.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.peers.litert import Runner, float_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers.inputs import Inputs
    from benchmarks.peers.measuring import Setting

ANY = ".*"


def settings(inputs: Inputs, package: str = "litert_quantizer") -> list[Setting]:
    """Dynamic and static, 8 and 4 bits, by its algorithms for fewer bits.

    Args:
        inputs: The model and its data.
        package: To import; the two have one interface.
    """
    quantizer = import_module(f"{package}.quantizer")
    recipe = import_module(f"{package}.recipe")
    everything = import_module(f"{package}.qtyping").TFLOperationName.ALL_SUPPORTED
    source = float_file(inputs)
    runner = Runner(inputs)

    def ready(recipe_of: Any) -> Any:
        made = quantizer.Quantizer(source)
        if callable(recipe_of):
            recipe_of(made)
        else:
            made.load_quantization_recipe(recipe_of)
        return made

    def setting(name: str, recipe_of: Any, *, is_timed: bool = False) -> Setting:
        calibrated = _calibrated(ready(recipe_of), inputs, package)

        def make() -> bytes:
            return bytes(ready(recipe_of).quantize(calibrated).quantized_model)

        return runner.setting(name, make, is_timed=is_timed)

    def by(algorithm: str, bits: int) -> Callable[[Any], None]:
        name = getattr(quantizer.AlgorithmName, algorithm)
        return lambda made: made.add_dynamic_config(
            ANY, everything, bits, algorithm_key=name
        )

    return [
        setting("dynamic int8", recipe.dynamic_wi8_afp32(), is_timed=True),
        setting("static int8", recipe.static_wi8_ai8(), is_timed=True),
        setting("dynamic int4", recipe.dynamic_wi4_afp32()),
        setting("dynamic int4 MSE", by("MSE", 4)),
        setting("dynamic int4 OCTAV", by("OCTAV", 4)),
        setting("weights int4", recipe.weight_only_wi4_afp32()),
    ]


def _calibrated(made: Any, inputs: Inputs, package: str) -> Any:
    """What it saw of training images, where the recipe asks for it."""
    if not made.need_calibration:
        return None
    from ai_edge_litert.interpreter import Interpreter

    calibrator = import_module(f"{package}.calibrator")
    runner = Interpreter(model_content=float_file(inputs)).get_signature_runner()
    name = next(iter(runner.get_input_details()))
    images = inputs.calibration
    samples = [{name: images[at : at + 1]} for at in range(len(images))]
    return made.calibrate(
        {"serving_default": samples},
        mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
    )
